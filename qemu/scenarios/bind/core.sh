# The files by which the core's driver could be bound and unbound.
bind_files() { ls $CORE | grep -x -e bind -e unbind; return 0; }

steps_and_answer() { steps "$@"; answer_soon; }

# Has the bus try the core's device again, as any driver that is registered does: prints the instances.
try_core() { probe_core; instances; }
