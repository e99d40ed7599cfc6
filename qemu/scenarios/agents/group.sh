# Sends a message, and prints status and words of the reply on one line.
raw() { scmi-raw "$@" 2>&1 | tr '\n' ' '; }
