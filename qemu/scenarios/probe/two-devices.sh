# The device that was refused takes the place of the one that is gone: prints what answers then.
second_takes_over() { bind_virtio; answer_soon; }
