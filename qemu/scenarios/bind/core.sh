# The core driver's bind and unbind files.
bind_files() { ls $CORE | grep -x -e bind -e unbind; return 0; }

steps_and_answer() { steps "$@"; answer_soon; }

# Has the bus probe the core's device again, as the registration of any driver does: prints the instances.
try_core() { probe_core; instances; }
