/*
 * scmi-storm: sends SCMI commands from several processes at once through the kernel's raw mode for a given time, and
 * compares every reply with the one that the same command got when nothing else was sent.
 *
 *   scmi-storm 4 1500                 4 senders, 1500 ms
 *   scmi-storm 4 1500 message_poll    the same, through the file for which the kernel polls for replies
 *
 * Prints a line when it begins, then "sent answered refused wrong lost stray": commands sent; replies that were right, that
 * had another status, that had other content; commands without a reply; replies that no command waited for. Then come
 * the bytes of the first wrong or stray replies, and the right ones. All senders share one queue of replies
 * (raw_mode.c), so the parent reads them and wakes the sender that the token belongs to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

#define RAW "/sys/kernel/debug/scmi/0/raw/"
#define TOKENS 1024
#define MAX_SENDERS 16
#define MAX_ANSWER 256
#define MAX_SURPRISES 4

/* Commands of Base: version, attributes, attributes of message 1, vendor, sub-vendor, implementation, agent 0. */
static const struct {
	uint8_t message;
	int words;
	uint32_t word;
} commands[] = { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 1, 1 }, { 3, 0, 0 }, { 4, 0, 0 }, { 5, 0, 0 }, { 7, 1, 0 } };

#define COMMANDS ((int)(sizeof(commands) / sizeof(commands[0])))
#define BASE 0x10

struct answer {
	uint8_t bytes[MAX_ANSWER];
	ssize_t size;
};

/* Memory that senders and parent share. */
static struct shared {
	/* By token: the number of the command in flight, from 1; 0 if there is none. */
	uint8_t under_way[TOKENS];
	unsigned long sent[MAX_SENDERS], lost[MAX_SENDERS];
} *shared;

static struct answer right[sizeof(commands) / sizeof(commands[0])];

/* The file that commands are written to; replies can be read from any. */
static const char *file = "message";

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static int open_raw(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), RAW "%s", name);
	fd = open(path, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		fail(path);
	return fd;
}

static void send_command(int fd, int command, uint32_t token)
{
	uint32_t message[2] = { commands[command].message | BASE << 10 | token << 18, commands[command].word };
	ssize_t size = 4 + 4 * commands[command].words;

	send_message(fd, message, size);
}

/* Reads a reply, if one comes in time. */
static int take(int fd, struct answer *answer, int wait_ms)
{
	struct pollfd waiting = { fd, POLLIN, 0 };
	uint8_t end;

	if (poll(&waiting, 1, wait_ms) <= 0)
		return 0;
	answer->size = read(fd, answer->bytes, sizeof(answer->bytes));
	if (answer->size < 8)
		fail("an answer without a status");
	/* The kernel marks the end of a message with an empty read. */
	if (read(fd, &end, 1) != 0)
		fail("an answer that is too long");
	return 1;
}

static uint32_t header_of(const struct answer *answer)
{
	uint32_t header;

	memcpy(&header, answer->bytes, 4);
	return header;
}

/*
 * The reply to each command when nothing else is in flight. Commands are written to one file and replies read from
 * another: through a single file Linux would send the previous command again, as a read moves the position at which a
 * write stores the message (scenario load/one-file). The tokens are those that senders use last, because the kernel may
 * hold a token for a while longer (load/token-in-use).
 */
static void learn(int fd)
{
	int to = open_raw(file);

	for (int command = 0; command < COMMANDS; command++) {
		send_command(to, command, TOKENS - 1 - command);
		if (!take(fd, &right[command], PATIENCE_MS))
			fail("no answer");
	}
	close(to);
}

/* Sends one command after another until the time is over; each sender has its own tokens. */
static void run_sender(int sender, int senders, int told, long until)
{
	uint32_t first = TOKENS / senders * sender, count = TOKENS / senders;
	struct pollfd waiting = { told, POLLIN, 0 };
	int fd = open_raw(file);
	uint8_t news;

	for (uint32_t i = 0; now_ms() < until; i++) {
		uint32_t token = first + i % count;
		int command = i % COMMANDS;

		__atomic_store_n(&shared->under_way[token], command + 1, __ATOMIC_SEQ_CST);
		send_command(fd, command, token);
		shared->sent[sender]++;
		if (poll(&waiting, 1, PATIENCE_MS) == 1)
			(void)!read(told, &news, 1);
		else
			shared->lost[sender]++;
	}
	exit(0);
}

/* Starts a sender; returns the pipe that tells it that its reply is there. */
static int start_sender(int sender, int senders, long until)
{
	int ends[2];

	if (pipe(ends) < 0)
		fail("pipe");
	if (fork() == 0)
		run_sender(sender, senders, ends[0], until);
	close(ends[0]);
	return ends[1];
}

/* Totals of all senders. */
static struct counts {
	unsigned long answered, refused, wrong, stray;
} counts;

/* The first wrong or stray replies, printed after the counts. */
static struct surprise {
	struct answer got, expected;
	const char *what;
} surprises[MAX_SURPRISES];
static int surprised;

static void keep_surprise(const char *what, const struct answer *got, const struct answer *expected)
{
	if (surprised < MAX_SURPRISES)
		surprises[surprised++] = (struct surprise){ *got, expected ? *expected : (struct answer){ .size = 0 }, what };
}

static void print_bytes(const char *title, const struct answer *answer)
{
	printf(" %s", title);
	for (ssize_t i = 0; i < answer->size; i++)
		printf("%s%02x", i % 4 ? "" : " ", answer->bytes[i]);
}

static void print_surprises(void)
{
	for (const struct surprise *surprise = surprises; surprise < surprises + surprised; surprise++) {
		printf("%s:", surprise->what);
		print_bytes("got", &surprise->got);
		if (surprise->expected.size)
			print_bytes("expected", &surprise->expected);
		puts("");
	}
}

/* Compares a reply; returns the token of its command, or -1. */
static int judge(const struct answer *answer)
{
	uint32_t header = header_of(answer), token = header >> 18;
	int command = __atomic_exchange_n(&shared->under_way[token % TOKENS], 0, __ATOMIC_SEQ_CST) - 1;
	const struct answer *expected = &right[command < 0 ? 0 : command];

	if (command < 0) {
		counts.stray++;
		keep_surprise("stray", answer, NULL);
		return -1;
	}
	if (memcmp(answer->bytes + 4, expected->bytes + 4, 4))
		counts.refused++;
	else if (((header ^ header_of(expected)) & 0x3ffff) || answer->size != expected->size ||
		 memcmp(answer->bytes + 8, expected->bytes + 8, answer->size - 8)) {
		counts.wrong++;
		keep_surprise("wrong", answer, expected);
	} else
		counts.answered++;
	return token;
}

/* Collects the senders that have ended. A sender that failed has printed why. */
static int ended(void)
{
	int status, count = 0;

	while (waitpid(-1, &status, WNOHANG) > 0) {
		if (status != 0)
			exit(2);
		count++;
	}
	return count;
}

static void print_counts(int senders)
{
	unsigned long sent = 0, lost = 0;

	for (int sender = 0; sender < senders; sender++) {
		sent += shared->sent[sender];
		lost += shared->lost[sender];
	}
	printf("sent %lu answered %lu refused %lu wrong %lu lost %lu stray %lu\n", sent, counts.answered, counts.refused,
	       counts.wrong, lost, counts.stray);
}

int main(int argc, char **argv)
{
	int senders = argc > 2 ? atoi(argv[1]) : 0, fd, tell[MAX_SENDERS];
	long ms = argc > 2 ? atol(argv[2]) : 0, until;

	if (senders < 1 || senders > MAX_SENDERS || ms < 1) {
		fprintf(stderr, "usage: scmi-storm SENDERS MILLISECONDS [FILE]\nSENDERS: 1 to %d\n", MAX_SENDERS);
		return 2;
	}
	if (argc > 3)
		file = argv[3];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("memory");
	signal(SIGPIPE, SIG_IGN);
	fd = open_raw("message");
	learn(fd);
	/* lab.sh waits for this line. */
	puts("knows the answers");
	fflush(stdout);
	until = now_ms() + ms;
	for (int sender = 0; sender < senders; sender++)
		tell[sender] = start_sender(sender, senders, until);
	for (int alive = senders; alive > 0;) {
		struct answer answer;
		int token;

		if (!take(fd, &answer, 100)) {
			alive -= ended();
			continue;
		}
		token = judge(&answer);
		/* A sender that gave up and ended has counted it as lost. */
		if (token >= 0 && write(tell[token / (TOKENS / senders) % senders], "", 1) != 1 && errno != EPIPE)
			fail("telling a sender");
	}
	print_counts(senders);
	print_surprises();
	return 0;
}
