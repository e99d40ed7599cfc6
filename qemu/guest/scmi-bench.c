/*
 * scmi-bench: repeats one operation in several processes at once for a given time, and prints how long it takes.
 *
 *   scmi-bench 2000 4 /sys/class/hwmon/hwmon0/temp1_input   4 processes read a file for 2000 ms
 *   scmi-bench 2000 4 raw 0x10 0x0                          4 processes send an SCMI command through the raw mode
 *
 * Prints "count N ns N mean N p50 N p99 N max N": the number of operations, the total time, and the time of one, in
 * nanoseconds; percentiles are at most 1/16 high. In the raw mode all processes share one queue of replies
 * (raw_mode.c): each waits for as many replies as it sent commands, no matter whose they are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

#define RAW "/sys/kernel/debug/scmi/0/raw/message"
#define MAX_PROCESSES 8
#define MAX_WORDS 8
#define TOKENS 1024
/* The histogram has STEPS buckets per power of two. */
#define STEP_BITS 4
#define STEPS (1 << STEP_BITS)
#define BUCKETS ((64 - STEP_BITS) * STEPS)

/* The results of a process, in memory shared with the parent. */
struct found {
	uint64_t count, sum_ns, max_ns, end_ns;
	uint64_t buckets[BUCKETS];
};

/* What to do: read `path`, or send `words`. */
static const char *path;
static uint32_t words[MAX_WORDS];
static int word_count;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int bucket_of(uint64_t ns)
{
	int octave;

	if (ns < STEPS)
		return ns;
	octave = 63 - __builtin_clzll(ns);
	return (octave - STEP_BITS) * STEPS + (ns >> (octave - STEP_BITS));
}

/* The upper bound of a bucket. */
static uint64_t bucket_end(int bucket)
{
	int octave;

	if (bucket < 2 * STEPS)
		return bucket;
	octave = bucket / STEPS - 1;
	return ((uint64_t)(bucket % STEPS + STEPS + 1) << octave) - 1;
}

static int open_file(const char *name, int flags)
{
	int fd = open(name, flags);

	if (fd < 0)
		fail(name);
	return fd;
}

/* Opens the file anew for each read: programs do so, and files of debugfs ask the driver only then. */
static void read_file(void)
{
	char text[256];
	int fd = open_file(path, O_RDONLY);

	if (read(fd, text, sizeof(text)) <= 0)
		fail(path);
	close(fd);
}

/* Sends the command with a token, and reads a reply. `to` and `from` are two files because of load/one-file. */
static void exchange(int to, int from, uint32_t token)
{
	struct pollfd waiting = { from, POLLIN, 0 };
	uint32_t answer[64];
	ssize_t size = 4 * word_count;
	uint8_t end;

	words[0] = (words[0] & 0x3ffff) | token << 18;
	send_message(to, words, size);
	if (poll(&waiting, 1, PATIENCE_MS) != 1) {
		errno = ETIMEDOUT;
		fail("waiting for an answer");
	}
	size = read(from, answer, sizeof(answer));
	if (size < 8 || answer[1] != 0) {
		errno = EPROTO;
		fail("an answer without SUCCESS");
	}
	/* The kernel marks the end of a message with an empty read. */
	if (read(from, &end, 1) != 0)
		fail("an answer that is too long");
}

/* Repeats the operation until the time is over. A first one, before the time starts, is not counted. */
static void work(struct found *found, int process, int processes, uint64_t start_ns, uint64_t until_ns)
{
	uint32_t first = TOKENS / processes * process, tokens = TOKENS / processes;
	struct timespec start = { start_ns / 1000000000, start_ns % 1000000000 };
	int to = path ? -1 : open_file(RAW, O_RDWR), from = path ? -1 : open_file(RAW, O_RDWR);

	for (uint32_t i = 0;; i++) {
		uint64_t begin_ns = now_ns(), ns;

		if (path)
			read_file();
		else
			exchange(to, from, first + i % tokens);
		found->end_ns = now_ns();
		if (i == 0) {
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL);
			continue;
		}
		ns = found->end_ns - begin_ns;
		found->count++;
		found->sum_ns += ns;
		found->max_ns = ns > found->max_ns ? ns : found->max_ns;
		found->buckets[bucket_of(ns)]++;
		if (found->end_ns >= until_ns)
			exit(0);
	}
}

static uint64_t percentile(const struct found *all, unsigned percent)
{
	uint64_t seen = 0;

	for (int bucket = 0; bucket < BUCKETS; bucket++) {
		seen += all->buckets[bucket];
		if (seen * 100 >= all->count * percent)
			return bucket_end(bucket) < all->max_ns ? bucket_end(bucket) : all->max_ns;
	}
	return all->max_ns;
}

static void print_all(const struct found *found, int processes, uint64_t start_ns)
{
	static struct found all;

	for (int process = 0; process < processes; process++) {
		const struct found *one = &found[process];

		all.count += one->count;
		all.sum_ns += one->sum_ns;
		all.max_ns = one->max_ns > all.max_ns ? one->max_ns : all.max_ns;
		all.end_ns = one->end_ns > all.end_ns ? one->end_ns : all.end_ns;
		for (int bucket = 0; bucket < BUCKETS; bucket++)
			all.buckets[bucket] += one->buckets[bucket];
	}
	printf("count %llu ns %llu mean %llu p50 %llu p99 %llu max %llu\n", (unsigned long long)all.count,
	       (unsigned long long)(all.end_ns - start_ns), (unsigned long long)(all.sum_ns / all.count),
	       (unsigned long long)percentile(&all, 50), (unsigned long long)percentile(&all, 99),
	       (unsigned long long)all.max_ns);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: scmi-bench MS PROCESSES FILE\n"
		"       scmi-bench MS PROCESSES raw PROTOCOL MESSAGE [WORD...]\n"
		"Numbers are decimal or 0x hexadecimal; PROCESSES: 1 to %d.\n",
		MAX_PROCESSES);
	return 2;
}

static void take_words(int count, char **texts)
{
	words[0] = strtoul(texts[0], NULL, 0) << 10 | strtoul(texts[1], NULL, 0);
	for (word_count = 1; word_count < count - 1 && word_count < MAX_WORDS; word_count++)
		words[word_count] = strtoul(texts[word_count + 1], NULL, 0);
}

int main(int argc, char **argv)
{
	long ms = argc > 3 ? atol(argv[1]) : 0;
	int processes = argc > 3 ? atoi(argv[2]) : 0, status, failed = 0;
	uint64_t start_ns;
	struct found *found;

	if (ms < 1 || processes < 1 || processes > MAX_PROCESSES)
		return usage();
	if (strcmp(argv[3], "raw") == 0 && argc > 5)
		take_words(argc - 4, argv + 4);
	else if (argc == 4)
		path = argv[3];
	else
		return usage();
	found = mmap(NULL, processes * sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		fail("memory");
	/* Starts the time when every process has done its first operation. */
	start_ns = now_ns() + processes * 50000000ull;
	for (int process = 0; process < processes; process++)
		if (fork() == 0)
			work(&found[process], process, processes, start_ns, start_ns + ms * 1000000ull);
	while (wait(&status) > 0)
		failed |= status;
	if (failed)
		return 2;
	print_all(found, processes, start_ns);
	return 0;
}
