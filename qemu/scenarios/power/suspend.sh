# Suspends all devices and resumes them, without sleeping in between (CONFIG_PM_DEBUG).
suspend_devices() {
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state
}

# Sleeps until the RTC's alarm: at least a second, and longer in a slow guest, because an alarm before the guest sleeps does
# not wake it. After a second probe the RTC is not rtc0 any more.
sleep_till_alarm() {
	echo none >/sys/power/pm_test
	for alarm in /sys/class/rtc/rtc*/wakealarm; do
		echo +$((1 + ${PATIENCE:-1})) >"$alarm" || return
	done
	echo freeze >/sys/power/state
}
