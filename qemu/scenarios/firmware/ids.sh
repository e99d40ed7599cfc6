# The sensors of hwmon and their values; the temperatures of thermal zones.
sensors() { for file in /sys/class/hwmon/hwmon*/*_input; do echo "$(basename "$file") $(cat "$file")"; done; }
zones() { cat /sys/class/thermal/thermal_zone*/temp 2>/dev/null; return 0; }

# The names of power caps; those of pins.
powercaps() { cat /sys/class/powercap/arm-scmi:*/name 2>/dev/null | sort | xargs; }
pins() { sed -n 's/^pin [0-9]* (\(.*\)).*/\1/p' /sys/kernel/debug/pinctrl/*scmi-pinctrl/pins 2>/dev/null | xargs; }
