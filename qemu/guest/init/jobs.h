/*
 * Jobs: what the host asked PID 1 to do. Each is a process of its own with a time limit, so a read that blocks delays nobody.
 *
 * A request's payload: u32 time limit in ms (0: none), u32 length of the head, head (command or path), body (standard
 * input, or the content to write).
 */
#ifndef LAB_JOBS_H
#define LAB_JOBS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel.h"

#define MAX_JOBS 64

void start_job(uint32_t kind, uint32_t id, char *payload, uint32_t length);
void kill_job(uint32_t id);
/* Tells the host how a job ended: DONE. */
void report_done(uint32_t id, enum ending ending, uint32_t value);
/* A child has ended; it may have been no job's. */
void job_ended(pid_t pid, int status);
/* Adds the pipes of all jobs to `waiting`, and returns how many; `until` becomes the earliest deadline, if one is earlier. */
int wait_for_jobs(struct pollfd *waiting, int64_t *until);
/* After poll: reads what the jobs wrote, and settles those that have ended or have used up their time. */
void serve_jobs(const struct pollfd *waiting);

#endif
