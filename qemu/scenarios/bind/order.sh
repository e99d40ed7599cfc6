# Turns off automatic binding on the platform bus, so that the core is bound only on request.
no_autoprobe() { echo 0 >/sys/bus/platform/drivers_autoprobe; }
