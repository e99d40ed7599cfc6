wait_long() { sleep 1000000; }
