sleep_long() { sleep 1000000; }
