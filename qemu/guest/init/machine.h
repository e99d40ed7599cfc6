/* What every part of PID 1 needs: the end of the machine, the time, small files. */
#ifndef LAB_MACHINE_H
#define LAB_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

/* Milliseconds of a clock that nobody sets. */
int64_t now_ms(void);
/* `how`: as for reboot(2). */
void end_machine(int how);
void power_off(void);
/* A fatal error of PID 1: says so on the console with the text of errno, and powers off. */
void die(const char *format, ...);
/* The start of a file as a string; -1 if it can't be read. */
ssize_t read_file(const char *path, char *buffer, size_t size);
/* An error goes to the console. */
void write_file(const char *path, const char *text);

#endif
