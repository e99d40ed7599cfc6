# Suspends all devices and resumes them, without sleeping in between (CONFIG_PM_DEBUG).
suspend_devices() {
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state
}

# Sleeps until the real-time clock's alarm, a second from now at least, and longer where all is slow: an alarm that comes
# before the guest sleeps does not wake it. The clock is not always rtc0: not after a second probe.
sleep_till_alarm() {
	echo none >/sys/power/pm_test
	for alarm in /sys/class/rtc/rtc*/wakealarm; do
		echo +$((1 + ${PATIENCE:-1})) >"$alarm" || return
	done
	echo freeze >/sys/power/state
}
