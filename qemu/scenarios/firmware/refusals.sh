# The voltages of hwmon: values or errors' texts.
rails() { for file in /sys/class/hwmon/hwmon*/in*_input; do value_of "$file"; done; }

# The names of power caps.
powercaps() { cat /sys/class/powercap/arm-scmi:*/name 2>/dev/null | sort | xargs; }
