# The state of a power domain as the kernel has it: on, off-0.
shown() { awk -v name="$1" '$1 == name { print $2 }' /sys/kernel/debug/pm_genpd/pm_genpd_summary; }
