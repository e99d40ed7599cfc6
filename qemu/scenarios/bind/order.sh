# Keeps the platform bus from binding what appears, so that the core is bound when it is told.
no_autoprobe() { echo 0 >/sys/bus/platform/drivers_autoprobe; }
