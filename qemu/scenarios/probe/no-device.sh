# When the kernel started init, in ms of its own clock.
init_started_ms() { dmesg | sed -n 's/^\[ *\([0-9]*\)\.\([0-9]\{3\}\).*Run \/init as init process.*/\1\2/p'; }
