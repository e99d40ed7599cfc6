# Unloads parts in this order; prints the refused ones, which it unloads after the others, and last of all the bus.
unload_all() {
	refused=
	for part in "$@"; do unload "$part" 2>/dev/null || refused="$refused $part"; done
	unload_parts $refused bus || return
	echo $refused
}
