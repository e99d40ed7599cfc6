/* What programs share that send commands through the kernel's raw mode. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 5000

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(2);
}

/*
 * The kernel has a transfer back only when its worker has seen the answer (raw_mode.c), which on a busy machine is after
 * we have: while it has none left it says ENOMEM or EBUSY.
 */
static void send_message(int fd, const void *message, ssize_t size)
{
	int tries = PATIENCE_MS;

	while (write(fd, message, size) != size) {
		if ((errno != ENOMEM && errno != EBUSY) || --tries == 0)
			fail("sending");
		usleep(1000);
	}
}
