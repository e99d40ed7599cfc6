/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of lab-protocols share: a protocol in use, a call of one of its operations, its listeners. */
#ifndef SCMI_LAB_PROTOCOLS_H
#define SCMI_LAB_PROTOCOLS_H

#include <linux/list.h>
#include <linux/scmi_protocol.h>
/* Linux 6.12 has no include of the former in it. */
#include <linux/scmi_imx_protocol.h>
#include <linux/seq_buf.h>

#define MAX_ARGUMENTS 6

/* A protocol of an SCMI instance: the driver of one device on the SCMI bus. */
struct part {
	struct list_head in_parts;
	struct scmi_device *sdev;
	/* Those of the protocol; none after devm_protocol_put. */
	const void *ops;
	struct scmi_protocol_handle *ph;
};

struct call {
	struct part *part;
	/* The part's, for brevity. */
	struct scmi_protocol_handle *ph;
	/* The number of a protocol that need not be the part's, for events. */
	u8 protocol;
	int count;
	u64 arguments[MAX_ARGUMENTS];
	/* The word that is no number, if there is one. */
	const char *word;
	struct seq_buf result;
};

struct operation {
	u8 protocol;
	const char *name;
	/* Arguments that it needs; further ones are 0 unless they are given. */
	int needs;
	int (*run)(struct call *call);
};

/* Tables of operations that end with one without a name. */
extern const struct operation operations[], measures[], imx_operations[];

/* Each for a call whose protocol and arguments are known. */
int listen(struct call *call, bool is_managed);
int unlisten(struct call *call);
int heard(struct call *call);
/* Ends the listeners of a part that goes. */
void unlisten_all(struct part *part);

#define ARGUMENT(n) (call->arguments[n])
#define SAY(...) seq_buf_printf(&call->result, __VA_ARGS__)

#endif
