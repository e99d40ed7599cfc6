SCMI=/sys/kernel/debug/scmi/0

# Sends a command with scmi-raw's options; prints what it prints on a line.
send() { scmi-raw "$@" 2>&1 | tr '\n' ' '; }

# The words of the next message in a raw file, or "nothing" if none comes within two seconds.
next_in() {
	timeout 2 dd if="$SCMI/raw/$1" bs=256 count=1 status=none >/tmp/next 2>/dev/null
	[ -s /tmp/next ] && words_of /tmp/next || echo nothing
}
words_of() { od -An -v -tx4 "$1" | xargs; }

# The same, read four bytes at a time.
in_parts() { timeout 2 dd if=$SCMI/raw/message bs=4 count=3 status=none >/tmp/next && words_of /tmp/next; }

# Writes the bytes of Base's PROTOCOL_VERSION with a token, and leaves the reply unread when it has come.
leave() {
	count=$(counter response_ok)
	word=$((($1 << 18) | (0x10 << 10)))
	for shift in 0 8 16 24; do printf "\\$(printf %03o $(((word >> shift) & 255)))"; done >/tmp/command
	cat /tmp/command >$SCMI/raw/message
	wait_for 50 has_answered "$count"
}
has_answered() { [ "$(counter response_ok)" != "$1" ]; }
reset_raw() { echo 1 >$SCMI/raw/reset; }
send_bytes() { outcome write_bytes "$1"; }
write_bytes() { printf %s "$1" | dd of=$SCMI/raw/message status=none; }

counter() { cat $SCMI/transport/counters/"$1"; }
reset_counters() { echo 1 >$SCMI/transport/counters/reset; }
