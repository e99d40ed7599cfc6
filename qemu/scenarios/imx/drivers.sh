# The clock of the battery-backed module: its folder, its time in seconds since 1970.
rtc() { dirname "$(grep -l scmi-imx-bbm-rtc /sys/class/rtc/*/name | head -n 1)"; }
rtc_time() { cat "$(rtc)/since_epoch"; }
set_rtc() { date -u -s "@$1" >/dev/null && hwclock -u -w -f "/dev/$(basename "$(rtc)")"; }
# An alarm in so many seconds.
set_alarm() { echo "+$1" >"$(rtc)/wakealarm"; }

# Reads the keyboard's events in the background; keys prints those of keys: TYPE CODE VALUE.
start_keys() { cat /dev/input/event0 >/tmp/keys 2>/dev/null & }
keys() { od -An -v -td2 -w24 /tmp/keys | awk '$9 == 1 { print $9, $10, $11 }'; }

rebind_says() {
	device=$(unbind_client "$1") || return
	outcome bind_client "$1" "$device"
}
