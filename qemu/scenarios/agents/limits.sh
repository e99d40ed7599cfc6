# Sends a message, and prints status and words of the reply on one line.
raw() { scmi-raw "$@" 2>&1 | tr '\n' ' '; }

# The highest frequency that cpufreq may choose, in kHz.
max_khz() { cat /sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq; }
