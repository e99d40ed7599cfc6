# Loads and unloads the transport so many times, as long as SCMI answers in between; prints how often it did.
load_rounds() {
	answered=0
	while [ $answered -lt "$1" ]; do
		load transport && answer_soon | grep -q '^status 0 ' && unload transport || break
		answered=$((answered + 1))
	done
	echo $answered
}
