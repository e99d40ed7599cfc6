/*
 * scmi-tdcf: reads a telemetry area of SCMI 4.0 (TDCF) in the guest's memory, through /dev/mem, beside the platform that
 * writes it.
 *
 *   scmi-tdcf ADDRESS LENGTH           prints the valid data lines: offset, id, value
 *   scmi-tdcf ADDRESS LENGTH READS     reads all lines so often; those that have changed must have the same value
 *
 * It believes nothing that it reads: lengths are bounded by the area, and values count once the sequences vouch for them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BEGIN_SIGNATURE 0x5442474e
#define END_SIGNATURE 0x54454e44

/* In words. */
enum { START_SEQUENCE = 1, NUM_QWORDS = 2, LINES = 4, EPILOGUE = 2, SHORT_LINE = 4, LONG_LINE = 6 };
enum { INVALID = 1 << 0, LONG = 1 << 2, TYPE = 0xf << 4 };

static volatile const uint32_t *area;
static uint32_t words;
static uint32_t *copy;

static void fail(const char *what)
{
	fprintf(stderr, "scmi-tdcf: %s: %s\n", what, errno ? strerror(errno) : "not as it should be");
	exit(2);
}

/* Later loads stay behind this one. */
static uint32_t load(uint32_t at)
{
	uint32_t word = area[at];

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return word;
}

/* Copies the lines; returns their words, or -1 if the platform was writing. */
static int take(void)
{
	uint32_t start = load(START_SEQUENCE);
	uint32_t qwords = load(NUM_QWORDS);
	uint32_t room = words - LINES - EPILOGUE;
	uint32_t size = qwords < room / 2 ? 2 * qwords : room;

	if (start & 1)
		return -1;
	for (uint32_t i = 0; i < size; i++)
		copy[i] = load(LINES + i);
	return load(words - EPILOGUE) == start ? (int)size : -1;
}

/* The next valid data line at or after `at`; `size` if there is none. */
static uint32_t next_line(uint32_t at, uint32_t size)
{
	while (at + SHORT_LINE <= size) {
		uint32_t metadata = copy[at];
		uint32_t length = metadata & LONG ? LONG_LINE : SHORT_LINE;

		if (at + length > size)
			break;
		if (!(metadata & (INVALID | TYPE)))
			return at;
		at += length;
	}
	return size;
}

static uint64_t value_at(uint32_t at)
{
	return copy[at + 2] | (uint64_t)copy[at + 3] << 32;
}

static uint32_t length_at(uint32_t at)
{
	return copy[at] & LONG ? LONG_LINE : SHORT_LINE;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (!*text || *end)
		fail(text);
	return value;
}

static int print_lines(void)
{
	int size = -1;

	for (int tries = 0; size < 0 && tries < 1000; tries++)
		size = take();
	if (size < 0)
		fail("sequence");
	for (uint32_t at = next_line(0, size); at < (uint32_t)size; at = next_line(at + length_at(at), size))
		printf("%u 0x%08x %" PRId64 "\n", 4 * (LINES + at), copy[at + 1], (int64_t)value_at(at));
	return 0;
}

static int read_often(uint64_t reads)
{
	uint64_t torn = 0, retries = 0, changes = 0, last = 0;

	for (uint64_t taken = 0; taken < reads;) {
		int size = take();
		uint32_t first;

		if (size < 0) {
			retries++;
			continue;
		}
		taken++;
		first = next_line(0, size);
		if (first == (uint32_t)size)
			fail("no line");
		for (uint32_t at = first; at < (uint32_t)size; at = next_line(at + length_at(at), size))
			torn += value_at(at) != value_at(first);
		changes += value_at(first) != last;
		last = value_at(first);
	}
	printf("%" PRIu64 " reads %" PRIu64 " torn\n", reads, torn);
	fprintf(stderr, "%" PRIu64 " retries, %" PRIu64 " values\n", retries, changes);
	return torn > 0;
}

int main(int argc, char **argv)
{
	uint64_t address, length;
	int fd;

	if (argc != 3 && argc != 4) {
		fputs("usage: scmi-tdcf ADDRESS LENGTH [READS]\n", stderr);
		return 2;
	}
	address = number(argv[1]);
	length = number(argv[2]);
	if (address % 4096 || length % 4096 || length == 0 || length > 1 << 24)
		fail("ADDRESS and LENGTH are whole pages");
	fd = open("/dev/mem", O_RDONLY | O_SYNC);
	if (fd < 0)
		fail("/dev/mem");
	area = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)address);
	words = length / 4;
	copy = malloc(length);
	if (area == MAP_FAILED || !copy)
		fail("mmap");
	errno = 0;
	if (load(0) != BEGIN_SIGNATURE || load(words - 1) != END_SIGNATURE)
		fail("signature");
	return argc == 4 ? read_often(number(argv[3])) : print_lines();
}
