/*
 * The guest channel: frames to and from the host over a virtio-serial port; qemu/guest/channel.ts is the other end.
 *
 * A frame, in both directions: u32 length of the payload, u32 kind, u32 id of the job; little-endian.
 */
#ifndef LAB_CHANNEL_H
#define LAB_CHANNEL_H

#include <stdint.h>

enum request { RUN = 1, READ = 2, WRITE = 3, APPEND = 4, KILL = 5, POWER_OFF = 6, REBOOT = 7 };
enum report { HELLO = 16, OUTPUT = 17, ERRORS = 18, DONE = 19 };
enum ending { EXITED, SIGNALLED, TIMED_OUT, STUCK, REFUSED };

#define PORT_NAME "lab.channel"
#define MAX_PAYLOAD (1u << 20)

struct frame {
	uint32_t length, kind, id;
};

/* Finds the port with a host at its other end; `wait`: they may take a while to appear. False if there is none. */
int open_channel(int wait);
/* The port's descriptor, for poll; -1 without a channel. Changes when the host is lost and found. */
int channel_fd(void);
/* Sends a frame. Powers off if the host does not come back. */
void report(uint32_t kind, uint32_t id, const void *data, uint32_t size);
/* Reads what the host sent, and calls `handle` for each whole frame. */
void receive_frames(void (*handle)(const struct frame *frame, char *payload));

#endif
