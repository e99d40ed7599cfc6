/*
 * PID 1 of the lab's guest. It mounts what a shell expects, then serves the host on a virtio-serial port: it runs
 * commands, reads and writes files, several at once, each with a time limit. It gives a shell on the console when the
 * kernel command line says lab.shell. It knows nothing of SCMI.
 *
 * A frame, in both directions: u32 length of the payload, u32 kind, u32 id of the job; little-endian.
 * A request's payload: u32 time limit in ms (0: none), u32 length of the head, head (command or path), body (standard
 * input, or the content to write). Every job is a process of its own, so a read that blocks delays nobody.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum request { RUN = 1, READ = 2, WRITE = 3, APPEND = 4, KILL = 5, POWER_OFF = 6, REBOOT = 7 };
enum report { HELLO = 16, OUTPUT = 17, ERRORS = 18, DONE = 19 };
enum ending { EXITED, SIGNALLED, TIMED_OUT, STUCK, REFUSED };

#define PORT_NAME "lab.channel"
#define CHANNEL_VERSION 1
#define MAX_PAYLOAD (1u << 20)
#define MAX_JOBS 64
/* How long a killed process may take to end; after that it is stuck in the kernel, and the job is given up. */
#define KILL_GRACE_MS 2000
#define PORT_WAIT_MS 10000
/* How much is read after a job's end: more than a pipe holds, but limited, as a background process may go on writing. */
#define MAX_ROUNDS 64

struct frame {
	uint32_t length, kind, id;
};

struct job {
	int used, timed_out, reaped, status;
	uint32_t id;
	pid_t pid;
	int pipes[2]; /* standard output and standard error; -1 once at their end */
	int64_t deadline_ms;
};

static struct job jobs[MAX_JOBS];
static int port = -1;
/* The path of the port's virtio device; it ends in the device's name. */
static char port_device[256];
static pid_t shell_pid;
static char command_line[4096];

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void end_machine(int how)
{
	sync();
	reboot(how);
	for (;;)
		pause();
}

static void power_off(void)
{
	end_machine(RB_POWER_OFF);
}

/* A fatal error of PID 1: says so on the console, and powers off. */
static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "lab init: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	power_off();
}

static void mount_all(void)
{
	static const struct {
		const char *type, *path;
	} mounts[] = {
		{ "proc", "/proc" },	    { "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },	    { "devpts", "/dev/pts" },
		{ "tmpfs", "/tmp" },	    { "tmpfs", "/run" },
		{ "debugfs", "/sys/kernel/debug" }, { "tracefs", "/sys/kernel/tracing" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		/* The user's kernel may lack some; the console says which. */
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL) && errno != EBUSY)
			fprintf(stderr, "lab init: no %s on %s: %s\n", mounts[i].type, mounts[i].path, strerror(errno));
	}
}

static ssize_t read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buffer, size - 1);
	close(fd);
	buffer[n > 0 ? n : 0] = 0;
	return n;
}

/* The value of NAME=VALUE on the kernel command line, or "" for a bare NAME; NULL if it is not there. */
static const char *option(const char *name, char *value, size_t size)
{
	char words[sizeof(command_line)];
	size_t length = strlen(name);

	strcpy(words, command_line);
	for (char *word = strtok(words, " \n"); word; word = strtok(NULL, " \n")) {
		if (strncmp(word, name, length) || (word[length] && word[length] != '='))
			continue;
		snprintf(value, size, "%s", word[length] ? word + length + 1 : "");
		return value;
	}
	return NULL;
}

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

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "lab init: %s: %s\n", path, strerror(errno));
	close(fd);
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

static void write_output(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(1);
		at += n;
		size -= n;
	}
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

static void report(uint32_t kind, uint32_t id, const void *data, uint32_t size)
{
	struct frame frame = { size, kind, id };

	send_to_host(&frame, sizeof(frame));
	send_to_host(data, size);
}

static void report_done(uint32_t id, enum ending ending, uint32_t value)
{
	uint32_t words[2] = { ending, value };

	report(DONE, id, words, sizeof(words));
}

/* The new process's side of a job. */
static void become(uint32_t kind, const char *head, const char *body, size_t size)
{
	static const int modes[] = { [WRITE] = O_TRUNC, [APPEND] = O_APPEND };
	char buffer[65536];
	ssize_t n;
	int fd;

	if (kind == RUN) {
		int in = memfd_create("stdin", 0);

		if (in < 0 || write(in, body, size) != (ssize_t)size || lseek(in, 0, SEEK_SET) || dup2(in, 0) < 0) {
			perror("lab: standard input");
			_exit(126);
		}
		close(in);
		execl("/bin/sh", "sh", "-c", head, (char *)NULL);
		perror("lab: /bin/sh");
		_exit(127);
	}
	fd = kind == READ ? open(head, O_RDONLY) : open(head, O_WRONLY | O_CREAT | modes[kind], 0644);
	if (fd < 0)
		goto failed;
	if (kind == READ) {
		while ((n = read(fd, buffer, sizeof(buffer))) > 0)
			write_output(1, buffer, n);
		if (n < 0)
			goto failed;
		_exit(0);
	}
	/* One write, as sysfs and debugfs need it; more only if the file took a part. */
	do {
		n = write(fd, body, size);
		if (n < 0)
			goto failed;
		body += n;
		size -= n;
	} while (size && n);
	if (close(fd) == 0)
		_exit(0);
failed:
	fprintf(stderr, "%s: %s\n", head, strerror(errno));
	_exit(1);
}

static void start_job(uint32_t kind, uint32_t id, char *payload, uint32_t length)
{
	uint32_t limit_ms, head_length;
	struct job *job = NULL;
	int out[2], err[2];
	char *head;

	for (int i = 0; i < MAX_JOBS && !job; i++)
		if (!jobs[i].used)
			job = &jobs[i];
	if (!job || length < 8)
		return report_done(id, REFUSED, job ? EINVAL : EAGAIN);
	memcpy(&limit_ms, payload, 4);
	memcpy(&head_length, payload + 4, 4);
	if (head_length > length - 8)
		return report_done(id, REFUSED, EINVAL);
	head = strndup(payload + 8, head_length);
	if (!head || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("starting a job");

	*job = (struct job){ .used = 1, .id = id, .pipes = { out[0], err[0] } };
	job->deadline_ms = limit_ms ? now_ms() + limit_ms : 0;
	job->pid = fork();
	if (job->pid < 0)
		die("fork");
	if (job->pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		dup2(out[1], 1);
		dup2(err[1], 2);
		become(kind, head, payload + 8 + head_length, length - 8 - head_length);
	}
	close(out[1]);
	close(err[1]);
	free(head);
}

/* Kills the whole session, or only the process if it has not called setsid() yet. */
static void kill_processes(const struct job *job)
{
	if (kill(-job->pid, SIGKILL))
		kill(job->pid, SIGKILL);
}

static void kill_job(uint32_t id)
{
	for (int i = 0; i < MAX_JOBS; i++)
		if (jobs[i].used && jobs[i].id == id && !jobs[i].reaped)
			kill_processes(&jobs[i]);
}

/* Reads what a job wrote; closes the pipe at its end. */
static void drain(struct job *job, int which)
{
	char buffer[32768];
	ssize_t n = read(job->pipes[which], buffer, sizeof(buffer));

	if (n > 0)
		return report(which ? ERRORS : OUTPUT, job->id, buffer, n);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	close(job->pipes[which]);
	job->pipes[which] = -1;
}

static void finish(struct job *job, enum ending ending, uint32_t value)
{
	for (int i = 0; i < 2; i++)
		if (job->pipes[i] >= 0)
			close(job->pipes[i]);
	job->used = 0;
	report_done(job->id, ending, value);
}

/* A job is over when its process has ended and its output is read. A background process may hold the pipe open for ever. */
static void settle(struct job *job)
{
	int64_t now = now_ms();

	if (job->reaped) {
		struct pollfd waiting[2] = { { job->pipes[0], POLLIN, 0 }, { job->pipes[1], POLLIN, 0 } };

		for (int rounds = 0; rounds < MAX_ROUNDS && poll(waiting, 2, 0) > 0; rounds++) {
			for (int i = 0; i < 2; i++)
				if (waiting[i].revents)
					drain(job, i);
			waiting[0].fd = job->pipes[0];
			waiting[1].fd = job->pipes[1];
		}
		if (job->timed_out)
			return finish(job, TIMED_OUT, 0);
		if (WIFSIGNALED(job->status))
			return finish(job, SIGNALLED, WTERMSIG(job->status));
		return finish(job, EXITED, WEXITSTATUS(job->status));
	}
	if (!job->deadline_ms || now < job->deadline_ms)
		return;
	if (job->timed_out)
		return finish(job, STUCK, 0);
	job->timed_out = 1;
	job->deadline_ms = now + KILL_GRACE_MS;
	kill_processes(job);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == shell_pid)
			power_off();
		for (int i = 0; i < MAX_JOBS; i++) {
			if (!jobs[i].used || jobs[i].pid != pid)
				continue;
			jobs[i].reaped = 1;
			jobs[i].status = status;
		}
	}
}

/* Reads what the host sent and handles each whole frame. */
static void serve_host(void)
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
		if (frame.kind >= RUN && frame.kind <= APPEND)
			start_job(frame.kind, frame.id, buffer + at, frame.length);
		else if (frame.kind == KILL)
			kill_job(frame.id);
		else if (frame.kind == POWER_OFF)
			power_off();
		else if (frame.kind == REBOOT)
			end_machine(RB_AUTOBOOT);
		else
			report_done(frame.id, REFUSED, ENOSYS);
		at += frame.length;
	}
	memmove(buffer, buffer + at, filled - at);
	filled -= at;
}

static void start_shell(void)
{
	char rows[16], columns[16], terminal[64], console[64];
	struct winsize size = { 24, 80, 0, 0 };
	sigset_t none;
	int fd;

	shell_pid = fork();
	if (shell_pid < 0)
		die("fork");
	if (shell_pid)
		return;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	fd = open(option("lab.console", console, sizeof(console)) ? console : "/dev/ttyAMA0", O_RDWR);
	if (fd >= 0) {
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		ioctl(0, TIOCSCTTY, 1);
		if (option("lab.rows", rows, sizeof(rows)) && option("lab.columns", columns, sizeof(columns))) {
			size.ws_row = atoi(rows);
			size.ws_col = atoi(columns);
		}
		ioctl(0, TIOCSWINSZ, &size);
	}
	if (option("lab.term", terminal, sizeof(terminal)))
		setenv("TERM", terminal, 1);
	execl("/bin/sh", "-sh", (char *)NULL);
	die("/bin/sh");
}

int main(void)
{
	struct pollfd waiting[2 + 2 * MAX_JOBS];
	uint32_t version = CHANNEL_VERSION;
	char value[64];
	sigset_t mask;
	int signals;

	mount_all();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("PS1", "guest:\\w# ", 1);
	if (chdir("/root"))
		die("/root");
	if (read_file("/proc/cmdline", command_line, sizeof(command_line)) < 0)
		die("/proc/cmdline");

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	/* Signals of busybox's halt, poweroff and reboot; the kernel's orderly_poweroff() runs one of them. */
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		die("signalfd");

	if (system("/bin/busybox --install -s /bin") != 0)
		die("busybox --install");
	if (option("lab.shell", value, sizeof(value)))
		start_shell();

	if (shell_pid)
		port = open_port();
	else
		connect_port();
	if (port < 0 && !shell_pid) {
		errno = ENODEV;
		die("no virtio-serial port named " PORT_NAME ", and no lab.shell on the command line");
	}
	if (port >= 0)
		report(HELLO, 0, &version, sizeof(version));

	for (;;) {
		int64_t until = -1, now = now_ms();
		int count = 2;

		waiting[0] = (struct pollfd){ signals, POLLIN, 0 };
		waiting[1] = (struct pollfd){ port, POLLIN, 0 };
		for (int i = 0; i < MAX_JOBS; i++) {
			if (!jobs[i].used)
				continue;
			if (jobs[i].deadline_ms && (until < 0 || jobs[i].deadline_ms < until))
				until = jobs[i].deadline_ms;
			waiting[count++] = (struct pollfd){ jobs[i].pipes[0], POLLIN, 0 };
			waiting[count++] = (struct pollfd){ jobs[i].pipes[1], POLLIN, 0 };
		}
		if (poll(waiting, count, until < 0 ? -1 : until > now ? (int)(until - now) : 0) < 0 && errno != EINTR)
			die("poll");

		if (waiting[0].revents) {
			struct signalfd_siginfo info;

			if (read(signals, &info, sizeof(info)) < 0)
				die("signalfd");
			if (info.ssi_signo == SIGTERM)
				end_machine(RB_AUTOBOOT);
			if (info.ssi_signo != SIGCHLD)
				power_off();
		}
		reap();
		for (int i = 0, at = 2; i < MAX_JOBS; i++) {
			if (!jobs[i].used)
				continue;
			for (int which = 0; which < 2; which++)
				if (waiting[at++].revents)
					drain(&jobs[i], which);
			settle(&jobs[i]);
		}
		if (waiting[1].revents)
			serve_host();
	}
}
