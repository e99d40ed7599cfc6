STLMFS=/sys/fs/arm_telemetry

# What the driver says about firmware that it does not understand.
complaints() {
	dmesg | grep -iE 'telemetry|SHMTI' | grep -iE 'abort|cannot|bad|degraded' || :
}

has_stlmfs() {
	grep -qw stlmfs /proc/filesystems
}

mounted() {
	has_stlmfs && { [ -d $STLMFS/tlm_0 ] || mount -t stlmfs none $STLMFS; }
}

telemetry_instance() {
	if has_stlmfs; then mounted && ls $STLMFS; else ls /dev/scmi; fi
}

# Whether a value that only grows has grown.
two_values() {
	mounted || return 1
	echo 1 >$STLMFS/tlm_0/des/$1/enable
	echo 1 >$STLMFS/tlm_0/tlm_enable
	first=$(cat $STLMFS/tlm_0/des/$1/value)
	sleep 0.1
	second=$(cat $STLMFS/tlm_0/des/$1/value)
	[ "$first" = "$second" ] && echo same || echo changed
}

value_when_disabled() {
	echo 0 >$STLMFS/tlm_0/des/$1/enable
	cat $STLMFS/tlm_0/des/$1/value 2>&1
}
