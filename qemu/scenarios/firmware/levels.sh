# The performance domains with an energy model.
energy_models() { ls /sys/kernel/debug/energy_model 2>/dev/null; return 0; }
