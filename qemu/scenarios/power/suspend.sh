# Suspends all devices and resumes them, without sleeping in between (CONFIG_PM_DEBUG).
suspend_devices() {
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state
}

# Sleeps until the real-time clock's alarm, a second from now.
sleep_till_alarm() {
	echo none >/sys/power/pm_test
	echo +1 >/sys/class/rtc/rtc0/wakealarm
	echo freeze >/sys/power/state
}
