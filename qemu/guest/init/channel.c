#define _GNU_SOURCE
#include "channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define PORT_WAIT_MS 10000

static int port = -1;
/* The path of the port's virtio device; it ends in the device's name. */
static char port_device[256];

/* Opens the port with our name and stores its device's path; -1 if the port is not there, or the host is not connected. */
static int open_port(void)
{
	const char *folder = "/sys/class/virtio-ports";
	DIR *ports = opendir(folder);
	struct dirent *entry;
	char path[300], name[64];
	int fd = -1;

	while (ports && fd < 0 && (entry = readdir(ports))) {
		struct pollfd host = { .events = POLLOUT };
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%s/name", folder, entry->d_name);
		if (entry->d_name[0] == '.' || read_file(path, name, sizeof(name)) <= 0)
			continue;
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, PORT_NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		host.fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (poll(&host, 1, 0) < 0 || host.revents & (POLLHUP | POLLNVAL)) {
			close(host.fd);
			continue;
		}
		fd = host.fd;
		snprintf(path, sizeof(path), "%s/%s/device", folder, entry->d_name);
		n = readlink(path, port_device, sizeof(port_device) - 1);
		port_device[n > 0 ? n : 0] = 0;
	}
	if (ports)
		closedir(ports);
	return fd;
}

/* Waits for the port, and for the host to connect to it. */
static void connect_port(void)
{
	int64_t give_up = now_ms() + PORT_WAIT_MS;

	while ((port = open_port()) < 0 && now_ms() < give_up)
		usleep(10000);
}

int open_channel(int wait)
{
	if (wait)
		connect_port();
	else
		port = open_port();
	return port >= 0;
}

int channel_fd(void)
{
	return port;
}

/*
 * The host seems to be gone: really, or after a suspend. On resume Linux 7.3 asks QEMU for the state of the port before it
 * can take the answer (virtio_console.c:virtcons_restore), so the port stays dead. Rebinding its driver asks again.
 */
static void reconnect(void)
{
	const char *device = strrchr(port_device, '/');

	close(port);
	device = device ? device + 1 : port_device;
	write_file("/sys/bus/virtio/drivers/virtio_console/unbind", device);
	write_file("/sys/bus/virtio/drivers/virtio_console/bind", device);
	connect_port();
	if (port < 0)
		power_off();
}

static void send_to_host(const void *data, size_t size)
{
	struct pollfd waiting = { .events = POLLOUT };
	const char *at = data;

	while (size) {
		ssize_t n = write(port, at, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			die("writing to the host");
		if (n >= 0) {
			at += n;
			size -= n;
			continue;
		}
		waiting.fd = port;
		if (poll(&waiting, 1, -1) > 0 && waiting.revents & POLLHUP)
			reconnect();
	}
}

void report(uint32_t kind, uint32_t id, const void *data, uint32_t size)
{
	struct frame frame = { size, kind, id };

	send_to_host(&frame, sizeof(frame));
	send_to_host(data, size);
}

void receive_frames(void (*handle)(const struct frame *frame, char *payload))
{
	static char buffer[sizeof(struct frame) + MAX_PAYLOAD];
	static size_t filled;
	struct frame frame;
	size_t at = 0;
	ssize_t n = read(port, buffer + filled, sizeof(buffer) - filled);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		return reconnect();
	filled += n;
	while (filled - at >= sizeof(frame)) {
		memcpy(&frame, buffer + at, sizeof(frame));
		if (frame.length > MAX_PAYLOAD) {
			errno = EMSGSIZE;
			die("frame of %u bytes", frame.length);
		}
		if (filled - at < sizeof(frame) + frame.length)
			break;
		at += sizeof(frame);
		handle(&frame, buffer + at);
		at += frame.length;
	}
	memmove(buffer, buffer + at, filled - at);
	filled -= at;
}
