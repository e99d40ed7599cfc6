// SPDX-License-Identifier: GPL-2.0
/*
 * The lab's consumers: a driver for the nodes below /scmi-lab in the device tree, one for each resource of the platform
 * that a driver in the kernel would use: a clock, a regulator, a reset line, a power domain, a performance domain, a
 * group of pins. It gives the kernel's consumer interfaces to the shell, in /sys/kernel/debug/scmi-lab/KIND/NAME/.
 * The devices exist only while this module is loaded. It sends no SCMI message itself: that is what the SCMI drivers do.
 */
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>

#include "consumer.h"

#define ROOT_NODE "/scmi-lab"

static struct dentry *top;
static struct platform_device *root;

static int switch_get(void *data, u64 *value)
{
	struct consumer *consumer = data;

	*value = consumer->is_on;
	return 0;
}

static int switch_set(void *data, u64 value)
{
	struct consumer *consumer = data;
	int ret = 0;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&consumer->lock);
	if (consumer->is_on != value) {
		ret = value ? consumer->kind->switch_on(consumer) : consumer->kind->switch_off(consumer);
		if (!ret)
			consumer->is_on = value;
	}
	mutex_unlock(&consumer->lock);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(switch_fops, switch_get, switch_set, "%llu\n");

static const struct of_device_id consumer_ids[] = {
	{ .compatible = "lab,scmi-consumer-clock", .data = &clocks },
	{ .compatible = "lab,scmi-consumer-regulator", .data = &regulators },
	{ .compatible = "lab,scmi-consumer-reset", .data = &resets },
	{ .compatible = "lab,scmi-consumer-power-domain", .data = &power_domains },
	{ .compatible = "lab,scmi-consumer-perf-domain", .data = &perf_domains },
	{ .compatible = "lab,scmi-consumer-pin", .data = &pins },
	{ .compatible = "lab,scmi-consumer-pin-group", .data = &pin_groups },
	{ }
};

static const struct kind *const kinds[] = {
	&clocks, &regulators, &resets, &power_domains, &perf_domains, &pins, &pin_groups,
};
static struct dentry *folders[ARRAY_SIZE(kinds)];

/* The folder of a kind is made when its first consumer is. Probes of one driver may run at the same time. */
static struct dentry *folder_of(const struct kind *kind)
{
	static DEFINE_MUTEX(lock);
	struct dentry *folder = NULL;

	mutex_lock(&lock);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i] != kind)
			continue;
		if (!folders[i])
			folders[i] = debugfs_create_dir(kind->folder, top);
		folder = folders[i];
	}
	mutex_unlock(&lock);
	return folder;
}

static int consumer_probe(struct platform_device *pdev)
{
	const struct kind *kind = of_device_get_match_data(&pdev->dev);
	struct consumer *consumer;
	const char *name;
	int ret;

	ret = of_property_read_string(pdev->dev.of_node, "label", &name);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no label\n");
	consumer = devm_kzalloc(&pdev->dev, sizeof(*consumer), GFP_KERNEL);
	if (!consumer)
		return -ENOMEM;
	consumer->dev = &pdev->dev;
	consumer->kind = kind;
	mutex_init(&consumer->lock);
	ret = kind->get(consumer);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "nothing to consume for %s\n", name);
	platform_set_drvdata(pdev, consumer);

	consumer->folder = debugfs_create_dir(name, folder_of(kind));
	if (kind->switch_name)
		debugfs_create_file_unsafe(kind->switch_name, 0600, consumer->folder, consumer, &switch_fops);
	if (kind->make_files)
		kind->make_files(consumer);
	return 0;
}

static void consumer_remove(struct platform_device *pdev)
{
	struct consumer *consumer = platform_get_drvdata(pdev);

	/* No file is in use after this. */
	debugfs_remove_recursive(consumer->folder);
	if (consumer->is_on && consumer->kind->switch_off(consumer))
		dev_warn(&pdev->dev, "it stays switched on\n");
}

static struct platform_driver consumer_driver = {
	.probe = consumer_probe,
	.remove = consumer_remove,
	.driver = {
		.name = "scmi-lab-consumer",
		.of_match_table = consumer_ids,
	},
};

static int __init consumers_init(void)
{
	struct device_node *node = of_find_node_by_path(ROOT_NODE);
	struct platform_device_info info = { .name = "scmi-lab", .id = PLATFORM_DEVID_NONE };
	int ret;

	if (!node) {
		pr_err("scmi-lab: the device tree has no %s\n", ROOT_NODE);
		return -ENODEV;
	}
	info.fwnode = of_fwnode_handle(node);
	top = debugfs_create_dir("scmi-lab", NULL);
	root = platform_device_register_full(&info);
	of_node_put(node);
	if (IS_ERR(root)) {
		ret = PTR_ERR(root);
		goto no_root;
	}
	ret = platform_driver_register(&consumer_driver);
	if (ret)
		goto no_driver;
	ret = of_platform_populate(root->dev.of_node, NULL, NULL, &root->dev);
	if (ret)
		goto no_devices;
	return 0;

no_devices:
	platform_driver_unregister(&consumer_driver);
no_driver:
	platform_device_unregister(root);
no_root:
	debugfs_remove_recursive(top);
	return ret;
}
module_init(consumers_init);

static void __exit consumers_exit(void)
{
	of_platform_depopulate(&root->dev);
	platform_driver_unregister(&consumer_driver);
	platform_device_unregister(root);
	debugfs_remove_recursive(top);
}
module_exit(consumers_exit);

MODULE_DESCRIPTION("Consumers of SCMI resources, driven from user space");
MODULE_LICENSE("GPL");
