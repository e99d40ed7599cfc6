mark() { echo "$1" >/tmp/mark; }
clock() { ls /sys/kernel/debug/clk | grep -x "$1" || echo none; }
