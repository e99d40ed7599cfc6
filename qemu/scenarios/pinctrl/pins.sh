# The configuration of a pin as the kernel reads it.
pin_shown() { grep "($1)" /sys/kernel/debug/pinctrl/*-scmi-pinctrl/pinconf-pins; }
# The same of a group.
group_shown() { grep "($1)" /sys/kernel/debug/pinctrl/*-scmi-pinctrl/pinconf-groups; }
