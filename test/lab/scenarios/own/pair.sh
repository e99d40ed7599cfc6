clocks() { ls /sys/kernel/debug/clk | grep uart; }
