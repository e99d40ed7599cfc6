/* Shared by the programs that send commands through the kernel's raw mode. */
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
 * A transfer is free again when the kernel's worker has seen the reply (raw_mode.c); on a busy machine we read the reply
 * earlier. While no transfer is free, a write fails with ENOMEM or EBUSY: try again.
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
