# Unloads the client drivers and the core.
unload_core() { unload_parts clients core; }
