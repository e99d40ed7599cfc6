clock() { ls /sys/kernel/debug/clk | grep -x "$1" || echo none; }
