# The highest frequency that cpufreq may choose, in kHz.
max_khz() { cat /sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq; }
