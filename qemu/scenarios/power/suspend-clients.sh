# Suspends all devices and resumes them, without sleeping in between (CONFIG_PM_DEBUG).
suspend_devices() {
	echo devices >/sys/power/pm_test
	echo freeze >/sys/power/state
}
