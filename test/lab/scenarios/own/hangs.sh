sleep_forever() { sleep 1000000; }
