#define _GNU_SOURCE
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

/* How long a killed process may take to end; after that it is stuck in the kernel, and the job is given up. */
#define KILL_GRACE_MS 2000
/* How much is read after a job's end: more than a pipe holds, but limited, as a background process may go on writing. */
#define MAX_ROUNDS 64

struct job {
	int used, timed_out, reaped, status;
	uint32_t id;
	pid_t pid;
	int pipes[2]; /* standard output and standard error; -1 once at their end */
	int64_t deadline_ms;
};

static struct job jobs[MAX_JOBS];

void report_done(uint32_t id, enum ending ending, uint32_t value)
{
	uint32_t words[2] = { ending, value };

	report(DONE, id, words, sizeof(words));
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

void start_job(uint32_t kind, uint32_t id, char *payload, uint32_t length)
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

void kill_job(uint32_t id)
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

void job_ended(pid_t pid, int status)
{
	for (int i = 0; i < MAX_JOBS; i++) {
		if (!jobs[i].used || jobs[i].pid != pid)
			continue;
		jobs[i].reaped = 1;
		jobs[i].status = status;
	}
}

int wait_for_jobs(struct pollfd *waiting, int64_t *until)
{
	int count = 0;

	for (int i = 0; i < MAX_JOBS; i++) {
		if (!jobs[i].used)
			continue;
		if (jobs[i].deadline_ms && (*until < 0 || jobs[i].deadline_ms < *until))
			*until = jobs[i].deadline_ms;
		for (int which = 0; which < 2; which++)
			waiting[count++] = (struct pollfd){ jobs[i].pipes[which], POLLIN, 0 };
	}
	return count;
}

void serve_jobs(const struct pollfd *waiting)
{
	for (int i = 0, at = 0; i < MAX_JOBS; i++) {
		if (!jobs[i].used)
			continue;
		for (int which = 0; which < 2; which++)
			if (waiting[at++].revents)
				drain(&jobs[i], which);
		settle(&jobs[i]);
	}
}
