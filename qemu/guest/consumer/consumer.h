/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the lab's consumer module share: a consumer, and the kinds there are. */
#ifndef SCMI_LAB_CONSUMER_H
#define SCMI_LAB_CONSUMER_H

#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#define NAME_MAX_LENGTH 64

struct consumer;

/* What consumers of one compatible string have in common. */
struct kind {
	const char *folder;
	/* Gets the resource from the kernel. */
	int (*get)(struct consumer *consumer);
	int (*switch_on)(struct consumer *consumer);
	int (*switch_off)(struct consumer *consumer);
	/* Makes the files besides the one that switches. */
	void (*make_files)(struct consumer *consumer);
	/* The file that switches; none if there is nothing to switch. */
	const char *switch_name;
};

struct consumer {
	struct device *dev;
	const struct kind *kind;
	struct dentry *folder;
	struct mutex lock; /* serialises writers of this consumer's files */
	bool is_on;
	union {
		struct clk *clk;
		struct regulator *regulator;
		struct reset_control *reset;
		struct pinctrl *pins;
	};
	char state[NAME_MAX_LENGTH]; /* the pin state selected last */
};

extern const struct kind clocks, regulators, resets, power_domains, perf_domains, pins, pin_groups;

/* Takes a name that user space wrote, without the end of its line. */
static inline int take_name(char *name, const char __user *buffer, size_t count)
{
	if (count >= NAME_MAX_LENGTH)
		return -ENAMETOOLONG;
	if (copy_from_user(name, buffer, count))
		return -EFAULT;
	name[count] = 0;
	strim(name);
	return 0;
}

static inline ssize_t give_name(const char *name, char __user *buffer, size_t count, loff_t *at)
{
	char line[NAME_MAX_LENGTH + 1];
	int length = scnprintf(line, sizeof(line), "%s\n", name);

	return simple_read_from_buffer(buffer, count, at, line, length);
}

#endif
