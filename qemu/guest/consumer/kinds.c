// SPDX-License-Identifier: GPL-2.0
/* Each kind of resource: how the kernel gives it to a driver, and the files that drive it. Values are in plain units. */
#include <linux/clk-provider.h>
#include <linux/clk.h>
#include <linux/pinctrl/consumer.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>
#include <linux/regulator/consumer.h>
#include <linux/reset.h>

#include "consumer.h"

/* The consumed clock's name in its node; the other clocks there are what it can be fed from. */
#define OWN_CLOCK "clock"
#define PERCENT 100

/* Clocks */

static int clock_get(struct consumer *consumer)
{
	consumer->clk = devm_clk_get(consumer->dev, OWN_CLOCK);
	return PTR_ERR_OR_ZERO(consumer->clk);
}

static int clock_on(struct consumer *consumer)
{
	return clk_prepare_enable(consumer->clk);
}

static int clock_off(struct consumer *consumer)
{
	clk_disable_unprepare(consumer->clk);
	return 0;
}

static int rate_get(void *data, u64 *value)
{
	struct consumer *consumer = data;

	*value = clk_get_rate(consumer->clk);
	return 0;
}

static int rate_set(void *data, u64 value)
{
	struct consumer *consumer = data;

	return clk_set_rate(consumer->clk, value);
}
DEFINE_DEBUGFS_ATTRIBUTE(rate_fops, rate_get, rate_set, "%llu\n");

static int duty_get(void *data, u64 *value)
{
	struct consumer *consumer = data;
	int percent = clk_get_scaled_duty_cycle(consumer->clk, PERCENT);

	if (percent < 0)
		return percent;
	*value = percent;
	return 0;
}

static int duty_set(void *data, u64 value)
{
	struct consumer *consumer = data;

	if (value > PERCENT)
		return -EINVAL;
	return clk_set_duty_cycle(consumer->clk, value, PERCENT);
}
DEFINE_DEBUGFS_ATTRIBUTE(duty_fops, duty_get, duty_set, "%llu\n");

static ssize_t parent_read(struct file *file, char __user *buffer, size_t count, loff_t *at)
{
	struct consumer *consumer = file->private_data;
	struct clk *parent = clk_get_parent(consumer->clk);

	return give_name(parent ? __clk_get_name(parent) : "", buffer, count, at);
}

static ssize_t parent_write(struct file *file, const char __user *buffer, size_t count, loff_t *at)
{
	struct consumer *consumer = file->private_data;
	char name[NAME_MAX_LENGTH];
	struct clk *parent;
	int ret = take_name(name, buffer, count);

	if (ret)
		return ret;
	parent = clk_get(consumer->dev, name);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	ret = clk_set_parent(consumer->clk, parent);
	clk_put(parent);
	return ret ?: count;
}

static const struct file_operations parent_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = parent_read,
	.write = parent_write,
};

static void clock_files(struct consumer *consumer)
{
	debugfs_create_file_unsafe("rate", 0600, consumer->folder, consumer, &rate_fops);
	debugfs_create_file_unsafe("duty_percent", 0600, consumer->folder, consumer, &duty_fops);
	debugfs_create_file("parent", 0600, consumer->folder, consumer, &parent_fops);
}

/* Regulators */

static int regulator_of(struct consumer *consumer)
{
	consumer->regulator = devm_regulator_get(consumer->dev, "lab");
	return PTR_ERR_OR_ZERO(consumer->regulator);
}

static int regulator_on(struct consumer *consumer)
{
	return regulator_enable(consumer->regulator);
}

static int regulator_off(struct consumer *consumer)
{
	return regulator_disable(consumer->regulator);
}

static int microvolts_get(void *data, u64 *value)
{
	struct consumer *consumer = data;
	int microvolts = regulator_get_voltage(consumer->regulator);

	if (microvolts < 0)
		return microvolts;
	*value = microvolts;
	return 0;
}

static int microvolts_set(void *data, u64 value)
{
	struct consumer *consumer = data;

	if (value > INT_MAX)
		return -ERANGE;
	return regulator_set_voltage(consumer->regulator, value, value);
}
DEFINE_DEBUGFS_ATTRIBUTE(microvolts_fops, microvolts_get, microvolts_set, "%llu\n");

static void regulator_files(struct consumer *consumer)
{
	debugfs_create_file_unsafe("microvolts", 0600, consumer->folder, consumer, &microvolts_fops);
}

/* Reset lines: switching one on holds it in reset. */

static int reset_of(struct consumer *consumer)
{
	consumer->reset = devm_reset_control_get_exclusive(consumer->dev, NULL);
	return PTR_ERR_OR_ZERO(consumer->reset);
}

static int reset_on(struct consumer *consumer)
{
	return reset_control_assert(consumer->reset);
}

static int reset_off(struct consumer *consumer)
{
	return reset_control_deassert(consumer->reset);
}

static int reset_set(void *data, u64 value)
{
	struct consumer *consumer = data;

	return value == 1 ? reset_control_reset(consumer->reset) : -EINVAL;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_fops, NULL, reset_set, "%llu\n");

static void reset_files(struct consumer *consumer)
{
	debugfs_create_file_unsafe("reset", 0200, consumer->folder, consumer, &reset_fops);
}

/* Power and performance domains: the driver core has attached the device to its domain before it is probed. */

static int domain_of(struct consumer *consumer)
{
	return devm_pm_runtime_enable(consumer->dev);
}

static int domain_on(struct consumer *consumer)
{
	return pm_runtime_resume_and_get(consumer->dev);
}

static int domain_off(struct consumer *consumer)
{
	int ret = pm_runtime_put_sync(consumer->dev);

	/* 1: there was nothing to do. */
	return ret < 0 ? ret : 0;
}

static int level_set(void *data, u64 value)
{
	struct consumer *consumer = data;

	if (value > UINT_MAX)
		return -ERANGE;
	return dev_pm_genpd_set_performance_state(consumer->dev, value);
}
DEFINE_DEBUGFS_ATTRIBUTE(level_fops, NULL, level_set, "%llu\n");

static void perf_files(struct consumer *consumer)
{
	debugfs_create_file_unsafe("level", 0200, consumer->folder, consumer, &level_fops);
}

/* Pins: their node names the states, each a function or a set of configuration values. */

static int pins_of(struct consumer *consumer)
{
	consumer->pins = devm_pinctrl_get(consumer->dev);
	return PTR_ERR_OR_ZERO(consumer->pins);
}

static ssize_t state_read(struct file *file, char __user *buffer, size_t count, loff_t *at)
{
	struct consumer *consumer = file->private_data;
	char name[NAME_MAX_LENGTH];

	mutex_lock(&consumer->lock);
	strscpy(name, consumer->state, sizeof(name));
	mutex_unlock(&consumer->lock);
	return give_name(name, buffer, count, at);
}

static ssize_t state_write(struct file *file, const char __user *buffer, size_t count, loff_t *at)
{
	struct consumer *consumer = file->private_data;
	struct pinctrl_state *state;
	char name[NAME_MAX_LENGTH];
	int ret = take_name(name, buffer, count);

	if (ret)
		return ret;
	state = pinctrl_lookup_state(consumer->pins, name);
	if (IS_ERR(state))
		return PTR_ERR(state);
	mutex_lock(&consumer->lock);
	ret = pinctrl_select_state(consumer->pins, state);
	if (!ret)
		strscpy(consumer->state, name, sizeof(consumer->state));
	mutex_unlock(&consumer->lock);
	return ret ?: count;
}

static const struct file_operations state_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = state_read,
	.write = state_write,
};

static void pins_files(struct consumer *consumer)
{
	debugfs_create_file("state", 0600, consumer->folder, consumer, &state_fops);
}

const struct kind clocks = {
	.folder = "clocks",
	.get = clock_get,
	.switch_on = clock_on,
	.switch_off = clock_off,
	.switch_name = "enabled",
	.make_files = clock_files,
};

const struct kind regulators = {
	.folder = "regulators",
	.get = regulator_of,
	.switch_on = regulator_on,
	.switch_off = regulator_off,
	.switch_name = "enabled",
	.make_files = regulator_files,
};

const struct kind resets = {
	.folder = "resets",
	.get = reset_of,
	.switch_on = reset_on,
	.switch_off = reset_off,
	.switch_name = "asserted",
	.make_files = reset_files,
};

const struct kind power_domains = {
	.folder = "power-domains",
	.get = domain_of,
	.switch_on = domain_on,
	.switch_off = domain_off,
	.switch_name = "on",
};

/* A level counts while the consumer is on. */
const struct kind perf_domains = {
	.folder = "perf-domains",
	.get = domain_of,
	.switch_on = domain_on,
	.switch_off = domain_off,
	.switch_name = "on",
	.make_files = perf_files,
};

const struct kind pins = {
	.folder = "pins",
	.get = pins_of,
	.make_files = pins_files,
};

const struct kind pin_groups = {
	.folder = "pin-groups",
	.get = pins_of,
	.make_files = pins_files,
};
