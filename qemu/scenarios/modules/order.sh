# Unloads parts in this order; prints those that were refused, which are unloaded after the others, and the bus at last.
unload_all() {
	refused=
	for part in "$@"; do unload "$part" 2>/dev/null || refused="$refused $part"; done
	unload_parts $refused bus || return
	echo $refused
}
