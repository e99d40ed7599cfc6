# orderly_poweroff runs a program that does nothing.
disobey() { echo /bin/true >/proc/sys/kernel/poweroff_cmd; }

# Suspends devices and resumes them, without sleeping in between.
suspend_shortly() { echo devices >/sys/power/pm_test; }
