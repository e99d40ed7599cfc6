// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for each SCMI protocol that gives the kernel's operations of that protocol, and its events, to the shell. Other
 * drivers use some of them; no driver in the tree uses the rest. It has one file, /sys/kernel/debug/scmi-lab-call. Who has
 * opened it writes a call and reads the result:
 *
 *	exec 3<>/sys/kernel/debug/scmi-lab-call
 *	echo "perf limits_get 0" >&3 && cat <&3
 *
 * A call is PROTOCOL OPERATION [ARGUMENT…]; PROTOCOL@1 is that of the second SCMI instance. Writing fails as the operation
 * does. Besides the operations in the tables there are, for every protocol: get, put and acquire (the handle's
 * devm_protocol_get, _put, _acquire), atomic (is_transport_atomic), listen and devm_listen EVENT [SOURCE], unlisten and
 * heard LISTENER.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "protocols.h"

#define LINE_LENGTH 160
#define RESULT_LENGTH (64 * 1024)

static LIST_HEAD(parts);
/* Calls read the list of parts; a part comes or goes when no call runs. */
static DECLARE_RWSEM(parts_lock);
static struct dentry *file;

static const struct {
	const char *name;
	u8 id;
} protocols[] = {
	{ "base", SCMI_PROTOCOL_BASE },		{ "power", SCMI_PROTOCOL_POWER },
	{ "system", SCMI_PROTOCOL_SYSTEM },	{ "perf", SCMI_PROTOCOL_PERF },
	{ "clock", SCMI_PROTOCOL_CLOCK },	{ "sensor", SCMI_PROTOCOL_SENSOR },
	{ "reset", SCMI_PROTOCOL_RESET },	{ "voltage", SCMI_PROTOCOL_VOLTAGE },
	{ "powercap", SCMI_PROTOCOL_POWERCAP }, { "pinctrl", SCMI_PROTOCOL_PINCTRL },
	{ "lmm", 0x80 },			{ "bbm", SCMI_PROTOCOL_IMX_BBM },
	{ "cpu", 0x82 },			{ "misc", SCMI_PROTOCOL_IMX_MISC },
};

static int take_protocol(struct part *part)
{
	struct scmi_device *sdev = part->sdev;
	const void *ops = sdev->handle->devm_protocol_get(sdev, sdev->protocol_id, &part->ph);

	part->ops = IS_ERR(ops) ? NULL : ops;
	return PTR_ERR_OR_ZERO(ops);
}

static int part_probe(struct scmi_device *sdev)
{
	struct part *part = devm_kzalloc(&sdev->dev, sizeof(*part), GFP_KERNEL);
	int ret;

	if (!part)
		return -ENOMEM;
	part->sdev = sdev;
	ret = take_protocol(part);
	if (ret)
		return ret;
	dev_set_drvdata(&sdev->dev, part);
	down_write(&parts_lock);
	list_add_tail(&part->in_parts, &parts);
	up_write(&parts_lock);
	return 0;
}

static void part_remove(struct scmi_device *sdev)
{
	struct part *part = dev_get_drvdata(&sdev->dev);

	down_write(&parts_lock);
	list_del(&part->in_parts);
	unlisten_all(part);
	up_write(&parts_lock);
}

/* Not for Base, whose device the kernel does not make, nor for System, of which it makes only one. */
static const struct scmi_device_id part_ids[] = {
	{ SCMI_PROTOCOL_POWER, "lab" },	   { SCMI_PROTOCOL_PERF, "lab" },     { SCMI_PROTOCOL_CLOCK, "lab" },
	{ SCMI_PROTOCOL_SENSOR, "lab" },   { SCMI_PROTOCOL_RESET, "lab" },    { SCMI_PROTOCOL_VOLTAGE, "lab" },
	{ SCMI_PROTOCOL_POWERCAP, "lab" }, { SCMI_PROTOCOL_PINCTRL, "lab" },  { 0x80, "lab" },
	{ SCMI_PROTOCOL_IMX_BBM, "lab" },  { 0x82, "lab" },		      { SCMI_PROTOCOL_IMX_MISC, "lab" },
	{}
};

static struct scmi_driver part_driver = {
	.name = "scmi-lab",
	.probe = part_probe,
	.remove = part_remove,
	.id_table = part_ids,
};

/* The part for a protocol of an instance, such as perf@1. Any part of the instance serves for protocols without a device. */
static struct part *find_part(char *name, u8 *protocol)
{
	unsigned int instance = 0;
	char *number = strchr(name, '@');
	struct scmi_handle *before = NULL;
	struct part *part, *found = NULL;
	size_t i;

	if (number) {
		*number++ = 0;
		if (kstrtouint(number, 0, &instance))
			return NULL;
	}
	for (i = 0; i < ARRAY_SIZE(protocols) && strcmp(protocols[i].name, name); i++)
		;
	if (i == ARRAY_SIZE(protocols))
		return NULL;
	*protocol = protocols[i].id;
	list_for_each_entry(part, &parts, in_parts) {
		if (part->sdev->protocol_id != *protocol &&
		    *protocol != SCMI_PROTOCOL_BASE && *protocol != SCMI_PROTOCOL_SYSTEM)
			continue;
		if (part->sdev->handle == before)
			continue;
		before = part->sdev->handle;
		found = part;
		if (instance-- == 0)
			return found;
	}
	return NULL;
}

/* What every protocol has; -ENOENT if it has no such name. */
static int run_common(struct call *call, const char *name)
{
	struct scmi_device *sdev = call->part->sdev;
	const struct scmi_handle *handle = sdev->handle;
	unsigned int threshold = 0;

	if (!strcmp(name, "listen"))
		return listen(call, false);
	if (!strcmp(name, "devm_listen"))
		return listen(call, true);
	if (!strcmp(name, "unlisten"))
		return unlisten(call);
	if (!strcmp(name, "heard"))
		return heard(call);
	if (!strcmp(name, "get"))
		return take_protocol(call->part);
	if (!strcmp(name, "put")) {
		handle->devm_protocol_put(sdev, sdev->protocol_id);
		call->part->ops = NULL;
		return 0;
	}
	if (!strcmp(name, "acquire"))
		return handle->devm_protocol_acquire(sdev, call->protocol);
	if (!strcmp(name, "atomic")) {
		SAY("%d", handle->is_transport_atomic(handle, &threshold));
		SAY(" %u\n", threshold);
		return 0;
	}
	return -ENOENT;
}

static int run_named(struct call *call, const char *name)
{
	const struct operation *const tables[] = { operations, measures, imx_operations };
	int ret = run_common(call, name);

	if (ret != -ENOENT)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct operation *one = tables[i]; one->name; one++) {
			if (one->protocol != call->protocol || strcmp(one->name, name))
				continue;
			if (call->count < one->needs || call->word)
				return -EINVAL;
			return call->part->ops ? one->run(call) : -ENODEV;
		}
	}
	return -ENOSYS;
}

/* Decimal, hexadecimal, or negative; anything else is the call's word. */
static int take_argument(struct call *call, const char *text)
{
	s64 negative;

	if (call->count == MAX_ARGUMENTS)
		return -EINVAL;
	if (!kstrtou64(text, 0, &call->arguments[call->count])) {
		call->count++;
	} else if (!kstrtos64(text, 0, &negative)) {
		call->arguments[call->count++] = negative;
	} else if (!call->word) {
		call->word = text;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int run_line(char *line, struct seq_buf *result)
{
	struct call call = { .result = *result };
	char *protocol = strsep(&line, " "), *name = strsep(&line, " "), *text;
	int ret;

	if (!name)
		return -EINVAL;
	while ((text = strsep(&line, " "))) {
		ret = *text ? take_argument(&call, text) : 0;
		if (ret)
			return ret;
	}
	down_read(&parts_lock);
	call.part = find_part(protocol, &call.protocol);
	call.ph = call.part ? call.part->ph : NULL;
	ret = call.part ? run_named(&call, name) : -ENODEV;
	up_read(&parts_lock);
	if (!ret && seq_buf_has_overflowed(&call.result))
		ret = -EOVERFLOW;
	if (!ret)
		*result = call.result;
	return ret;
}

/* An open file has its own result. */
static int call_open(struct inode *inode, struct file *file)
{
	struct seq_buf *result = kzalloc(sizeof(*result), GFP_KERNEL);
	char *buffer = kvmalloc(RESULT_LENGTH, GFP_KERNEL);

	if (!result || !buffer) {
		kfree(result);
		kvfree(buffer);
		return -ENOMEM;
	}
	seq_buf_init(result, buffer, RESULT_LENGTH);
	file->private_data = result;
	return 0;
}

static int call_release(struct inode *inode, struct file *file)
{
	struct seq_buf *result = file->private_data;

	kvfree(result->buffer);
	kfree(result);
	return 0;
}

static ssize_t call_write(struct file *file, const char __user *buffer, size_t count, loff_t *at)
{
	struct seq_buf *result = file->private_data;
	char line[LINE_LENGTH];
	int ret;

	if (count >= sizeof(line))
		return -E2BIG;
	if (copy_from_user(line, buffer, count))
		return -EFAULT;
	line[count] = 0;
	seq_buf_clear(result);
	ret = run_line(strim(line), result);
	*at = 0;
	return ret ?: count;
}

static ssize_t call_read(struct file *file, char __user *buffer, size_t count, loff_t *at)
{
	struct seq_buf *result = file->private_data;

	return simple_read_from_buffer(buffer, count, at, result->buffer, seq_buf_used(result));
}

static const struct file_operations call_fops = {
	.owner = THIS_MODULE,
	.open = call_open,
	.release = call_release,
	.write = call_write,
	.read = call_read,
};

static int __init protocols_init(void)
{
	int ret = scmi_register(&part_driver);

	if (!ret)
		file = debugfs_create_file("scmi-lab-call", 0600, NULL, NULL, &call_fops);
	return ret;
}
module_init(protocols_init);

static void __exit protocols_exit(void)
{
	debugfs_remove(file);
	scmi_unregister(&part_driver);
}
module_exit(protocols_exit);

MODULE_DESCRIPTION("The operations and events of SCMI protocols, driven from user space");
MODULE_LICENSE("GPL");
