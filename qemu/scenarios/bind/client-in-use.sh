# Unbinds a driver of the SCMI bus although the lab's consumers use what it provides; prints the device.
unbind_in_use() { unbind_client "$1"; }

# The kernel's lines since the last step that tell of something that it could not give up.
left_behind() { said "unable to remove|still in use|open_count"; }
