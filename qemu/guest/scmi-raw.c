/*
 * scmi-raw: sends one SCMI message from the guest's shell through the kernel's raw mode and prints the answer.
 *
 *   scmi-raw 0x10 0x0                  Base, PROTOCOL_VERSION
 *   scmi-raw 0x14 0x5 0 2 100000000 0  Clock, RATE_SET: clock_id, flags, rate low and high
 *
 * It knows the header, the status codes and the debugfs files, but not what the words of a message mean.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RAW "/sys/kernel/debug/scmi/0/raw/"
#define MAX_MESSAGE 4096

/* Types of messages from the platform. */
enum { DELAYED = 2, NOTIFICATION = 3 };

static const char help[] =
	"usage: scmi-raw [options] PROTOCOL MESSAGE [WORD...]\n"
	"Sends an SCMI command through " RAW "message and prints its status and words.\n"
	"Numbers are decimal or 0x hexadecimal; a WORD is a u32 of the payload.\n"
	"  -a  async: also wait for the delayed response; the kernel drops a response that comes after it\n"
	"  -p  poll: let the kernel poll for the response\n"
	"  -b  WORDs are bytes, not u32s (for payloads of odd length)\n"
	"  -s  print the words after the status as text, too\n"
	"  -n  do not send; print the next notification\n"
	"  -t TOKEN    token, 0 to 1023 (default: from the process id)\n"
	"  -y TYPE     message type, 0 to 3 (default 0, a command)\n"
	"  -w MS       how long to wait for an answer (default 5000)\n"
	"Exit status: 0 if the status is SUCCESS, 1 if it is another, 2 if there is no answer.\n"
	"Examples: scmi-raw 0x10 0x0        scmi-raw -s 0x10 0x3        scmi-raw 0x14 0x6 0\n";

static const char *const statuses[] = {
	"SUCCESS",     "NOT_SUPPORTED",	 "INVALID_PARAMETERS", "DENIED",	 "NOT_FOUND", "OUT_OF_RANGE",
	"BUSY",	       "COMMS_ERROR",	 "GENERIC_ERROR",      "HARDWARE_ERROR", "PROTOCOL_ERROR", "IN_USE",
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "scmi-raw: %s: %s\n", what, why);
	exit(2);
}

static uint32_t number(const char *text, const char *what, uint32_t limit)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
	if (*text == '-' || !isdigit((unsigned char)*text) || *end || errno || value > limit) {
		fprintf(stderr, "scmi-raw: %s: \"%s\" is not a number from 0 to 0x%x\n", what, text, limit);
		exit(2);
	}
	return value;
}

static uint32_t word_at(const uint8_t *bytes)
{
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void print_text(const uint8_t *bytes, size_t size)
{
	printf("text \"");
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			putchar(isprint(bytes[i]) ? bytes[i] : '.');
	printf("\"\n");
}

static void print_words(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 4) {
		uint8_t last[4] = { 0 };

		memcpy(last, bytes + i, size - i < 4 ? size - i : 4);
		printf("0x%08x\n", word_at(last));
	}
}

/* Prints one message and stores its type; returns its SCMI status, 0 for a notification, which has none. */
static int print_message(const uint8_t *bytes, size_t size, int text, uint32_t *type)
{
	uint32_t header;
	int32_t status;

	if (size < 4)
		fail("answer", "shorter than a header");
	header = word_at(bytes);
	*type = header >> 8 & 3;
	if (*type == NOTIFICATION) {
		printf("notification 0x%02x of protocol 0x%02x\n", header & 0xff, header >> 10 & 0xff);
		print_words(bytes + 4, size - 4);
		return 0;
	}
	if (size < 8)
		fail("answer", "shorter than a header and a status");
	status = (int32_t)word_at(bytes + 4);
	printf("%s %d (%s)\n", *type == DELAYED ? "delayed" : "status", status,
	       status <= 0 && status > -(int)(sizeof(statuses) / sizeof(statuses[0])) ? statuses[-status] : "unknown");
	print_words(bytes + 8, size - 8);
	if (text)
		print_text(bytes + 8, size - 8);
	return status;
}

/* Waits for one message and reads it to its end, which the kernel marks with an empty read. */
static int take(int fd, int wait_ms, int text, uint32_t *type)
{
	uint8_t bytes[MAX_MESSAGE];
	struct pollfd waiting = { fd, POLLIN, 0 };
	ssize_t n, size = 0;

	if (poll(&waiting, 1, wait_ms) <= 0)
		fail("no answer", "time is up");
	while ((n = read(fd, bytes + size, sizeof(bytes) - size)) > 0)
		size += n;
	if (n < 0)
		fail("reading the answer", strerror(errno));
	return print_message(bytes, size, text, type);
}

static int open_raw(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), RAW "%s", name);
	fd = open(path, flags | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		fail(path, "not there (no SCMI platform was found, or the kernel has no raw mode)");
	if (fd < 0)
		fail(path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	static const char *const files[2][2] = { { "message", "message_async" },
						 { "message_poll", "message_poll_async" } };
	int async = 0, polling = 0, as_bytes = 0, text = 0, notification = 0, choice, fd, status;
	uint32_t token = getpid() & 0x3ff, type = 0, wait_ms = 5000, header, came;
	uint8_t message[MAX_MESSAGE];
	size_t size = 4;

	while ((choice = getopt(argc, argv, "+apbsnt:y:w:h")) != -1) {
		switch (choice) {
		case 'a': async = 1; break;
		case 'p': polling = 1; break;
		case 'b': as_bytes = 1; break;
		case 's': text = 1; break;
		case 'n': notification = 1; break;
		case 't': token = number(optarg, "token", 0x3ff); break;
		case 'y': type = number(optarg, "type", 3); break;
		case 'w': wait_ms = number(optarg, "wait", 3600000); break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	}
	if (notification)
		return take(open_raw("notification", O_RDONLY), wait_ms, text, &came) != 0;
	if (argc - optind < 2) {
		fputs(help, stderr);
		return 2;
	}
	header = number(argv[optind], "protocol", 0xff) << 10 | number(argv[optind + 1], "message", 0xff) | type << 8 |
		 token << 18;
	memcpy(message, &header, 4);
	for (int i = optind + 2; i < argc; i++) {
		uint32_t value = number(argv[i], as_bytes ? "byte" : "word", as_bytes ? 0xff : 0xffffffff);
		size_t width = as_bytes ? 1 : 4;

		if (size + width > sizeof(message))
			fail("message", "too long");
		memcpy(message + size, &value, width);
		size += width;
	}

	fd = open_raw(files[polling][async], O_RDWR);
	if (write(fd, message, size) != (ssize_t)size)
		fail("sending", strerror(errno));
	status = take(fd, wait_ms, text, &came);
	/*
	 * Response and delayed response come through two queues, whose interrupts are not ordered: a busy guest may see the
	 * delayed response first. The kernel then drops the response (driver.c:scmi_msg_response_validate).
	 */
	if (async && status == 0 && came != DELAYED)
		status = take(fd, wait_ms, text, &came);
	return status != 0;
}
