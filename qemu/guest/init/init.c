/*
 * PID 1 of the lab's guest. It mounts what a shell expects, then serves the host on a virtio-serial port (channel.c): it
 * runs commands, reads and writes files (jobs.c). It gives a shell on the console when the kernel command line says
 * lab.shell. It knows nothing of SCMI.
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
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "jobs.h"
#include "machine.h"

#define CHANNEL_VERSION 1

static pid_t shell_pid;
static char command_line[4096];

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

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == shell_pid)
			power_off();
		job_ended(pid, status);
	}
}

static void handle_frame(const struct frame *frame, char *payload)
{
	if (frame->kind >= RUN && frame->kind <= APPEND)
		start_job(frame->kind, frame->id, payload, frame->length);
	else if (frame->kind == KILL)
		kill_job(frame->id);
	else if (frame->kind == POWER_OFF)
		power_off();
	else if (frame->kind == REBOOT)
		end_machine(RB_AUTOBOOT);
	else
		report_done(frame->id, REFUSED, ENOSYS);
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

	if (!open_channel(!shell_pid) && !shell_pid) {
		errno = ENODEV;
		die("no virtio-serial port named " PORT_NAME ", and no lab.shell on the command line");
	}
	if (channel_fd() >= 0)
		report(HELLO, 0, &version, sizeof(version));

	for (;;) {
		int64_t until = -1, now = now_ms();
		int count = 2;

		waiting[0] = (struct pollfd){ signals, POLLIN, 0 };
		waiting[1] = (struct pollfd){ channel_fd(), POLLIN, 0 };
		count += wait_for_jobs(waiting + 2, &until);
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
		serve_jobs(waiting + 2);
		if (waiting[1].revents)
			receive_frames(handle_frame);
	}
}
