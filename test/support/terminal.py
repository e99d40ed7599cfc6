"""Runs a command on a terminal of its own: terminal.py ROWS COLUMNS COMMAND...

What the terminal shows goes to standard output as it is. Lines of standard input are orders: {"write": "text"} types,
{"resize": [rows, columns]} changes the size, {"hangup": true} closes the terminal. Ends as the command does.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


rows, columns, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    # The size must be right before the command looks.
    resize(0, int(rows), int(columns))
    os.execvp(command[0], command)

orders = b""
sources = [terminal, 0]
while terminal in sources:
    ready, _, _ = select.select(sources, [], [])
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            break
        if not shown:
            break
        os.write(1, shown)
    if 0 in ready:
        given = os.read(0, 65536)
        if not given:
            sources.remove(0)
        orders += given
        *lines, orders = orders.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "write" in order:
                os.write(terminal, order["write"].encode())
            if "resize" in order:
                resize(terminal, *order["resize"])
            if "hangup" in order:
                os.close(terminal)
                sources.remove(terminal)
                break
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
