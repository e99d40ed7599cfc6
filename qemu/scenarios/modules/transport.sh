# Loads and unloads the transport, TIMES times or until SCMI does not answer in between; prints the successful rounds.
load_rounds() {
	answered=0
	while [ $answered -lt "$1" ]; do
		load transport && answer_soon | grep -q '^status 0 ' && unload transport || break
		answered=$((answered + 1))
	done
	echo $answered
}
