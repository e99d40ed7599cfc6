unload_module() { rmmod lab_protocols; }
