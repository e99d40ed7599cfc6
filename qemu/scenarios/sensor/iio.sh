IIO=/sys/bus/iio/devices/iio:device0

# Reads a file of the IIO device, or writes it and reads it then: iio FILE [VALUE]; the error's text, or "none".
iio() {
	[ -e $IIO ] || { echo none; return 0; }
	[ $# -lt 2 ] || written=$( (echo "$2" >"$IIO/$1") 2>&1) || { echo "${written##*: }"; return 0; }
	dd if="$IIO/$1" bs=4096 count=1 status=none 2>&1 | sed 's/.*: //'
}

enable_buffer() {
	for element in $IIO/scan_elements/in_*_en; do echo 1 >"$element"; done
	if said=$( (echo 1 >$IIO/buffer/enable) 2>&1); then echo "done"; else echo "${said##*: }"; fi
}

# So many scans of all channels, a line each.
scans() {
	[ "$(enable_buffer)" = "done" ] || return
	dd if=/dev/iio:device0 bs=32 count="$1" 2>/dev/null | od -An -v -td8 -w32
	echo 0 >$IIO/buffer/enable
}
