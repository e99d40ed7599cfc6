/*
 * queue-size: makes the queues of a virtio device on PCI smaller, before a driver takes it.
 *
 *   queue-size /sys/bus/pci/devices/0000:01:00.0 4 8      queue 0 has 4 descriptors, queue 1 has 8
 *
 * QEMU has no option for this. But a driver may write less than the maximum to queue_size (virtio 1.3 §4.1.4.3.2), and
 * Linux uses the size that it finds there. A reset of the device undoes it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Offsets in PCI's configuration space and in a vendor's capability (virtio 1.3 §4.1.4). */
#define FIRST_CAPABILITY 0x34
#define VENDOR_SPECIFIC 0x09
#define COMMON_CFG 1
/* Of struct virtio_pci_common_cfg (virtio 1.3 §4.1.4.3). */
#define QUEUE_SELECT 0x16
#define QUEUE_SIZE 0x18
#define CONFIGURATION 256
#define PAGE 4096

static void fail(const char *what)
{
	fprintf(stderr, "queue-size: %s: %s\n", what, errno ? strerror(errno) : "not there");
	exit(1);
}

static int open_file(const char *folder, const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, flags | O_SYNC);
	if (fd < 0)
		fail(path);
	return fd;
}

static uint32_t word_at(const uint8_t *bytes)
{
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

int main(int argc, char **argv)
{
	uint8_t config[CONFIGURATION] = { 0 };
	volatile uint8_t *registers;
	uint32_t offset;
	char bar[16];
	int at, i, fd;

	if (argc < 3) {
		fprintf(stderr, "usage: queue-size FOLDER_OF_PCI_DEVICE SIZE...\n");
		return 2;
	}
	fd = open_file(argv[1], "config", O_RDONLY);
	if (read(fd, config, sizeof(config)) < 64)
		fail("config");
	for (at = config[FIRST_CAPABILITY]; at; at = config[at + 1]) {
		if (at > CONFIGURATION - 16)
			fail("virtio's common configuration");
		if (config[at] == VENDOR_SPECIFIC && config[at + 3] == COMMON_CFG)
			break;
	}
	if (!at)
		fail("virtio's common configuration");
	offset = word_at(config + at + 8);
	snprintf(bar, sizeof(bar), "resource%d", config[at + 4]);
	fd = open_file(argv[1], bar, O_RDWR);
	registers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset & ~(PAGE - 1));
	if (registers == MAP_FAILED)
		fail(bar);
	registers += offset & (PAGE - 1);
	for (i = 2; i < argc; i++) {
		volatile uint16_t *size = (volatile uint16_t *)(registers + QUEUE_SIZE);
		int wanted = atoi(argv[i]);

		*(volatile uint16_t *)(registers + QUEUE_SELECT) = i - 2;
		*size = wanted;
		if (*size != wanted) {
			fprintf(stderr, "queue-size: queue %d has %d descriptors still\n", i - 2, *size);
			return 1;
		}
	}
	return 0;
}
