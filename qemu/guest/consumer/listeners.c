// SPDX-License-Identifier: GPL-2.0
/* Listeners: notifier blocks for events, each of which keeps what it has heard as text, a line for each event. */
#include <linux/mutex.h>
#include <linux/slab.h>

#include "protocols.h"

#define HEARD_LENGTH 4096
#define ANY_SOURCE U32_MAX

struct listener {
	struct list_head in_listeners;
	struct notifier_block block;
	struct part *part;
	u8 protocol, event;
	u32 source;
	bool is_managed;
	int number;
	struct mutex lock; /* of what follows */
	struct seq_buf heard;
	char text[HEARD_LENGTH];
};

static LIST_HEAD(listeners);
/* Of the list, and of the numbers. An event does not take it: unregistering waits for events. */
static DEFINE_MUTEX(listeners_lock);
static int last_number;

#define TELL(name, type, ...)                                                   \
	static void tell_##name(struct seq_buf *to, const void *data)           \
	{                                                                       \
		const struct type *report = data;                               \
		seq_buf_printf(to, __VA_ARGS__);                                \
	}

TELL(power, scmi_power_state_changed_report, "agent %u domain %u state 0x%x", report->agent_id, report->domain_id,
     report->power_state)
TELL(rate, scmi_clock_rate_notif_report, "agent %u clock %u rate %llu", report->agent_id, report->clock_id, report->rate)
TELL(limits, scmi_perf_limits_report, "agent %u domain %u max %u min %u max_hz %lu min_hz %lu", report->agent_id,
     report->domain_id, report->range_max, report->range_min, report->range_max_freq, report->range_min_freq)
TELL(level, scmi_perf_level_report, "agent %u domain %u level %u hz %lu", report->agent_id, report->domain_id,
     report->performance_level, report->performance_level_freq)
TELL(trip, scmi_sensor_trip_point_report, "agent %u sensor %u trip 0x%x", report->agent_id, report->sensor_id,
     report->trip_point_desc)
TELL(reset, scmi_reset_issued_report, "agent %u domain %u state 0x%x", report->agent_id, report->domain_id,
     report->reset_state)
TELL(system, scmi_system_power_state_notifier_report, "agent %u flags 0x%x state %u timeout %u", report->agent_id,
     report->flags, report->system_state, report->timeout)
TELL(cap, scmi_powercap_cap_changed_report, "agent %u domain %u cap %u pai %u", report->agent_id, report->domain_id,
     report->power_cap, report->pai)
TELL(power_measured, scmi_powercap_meas_changed_report, "agent %u domain %u power %u", report->agent_id,
     report->domain_id, report->power)
TELL(bbm, scmi_imx_bbm_notif_report, "is_rtc %d is_button %d rtc %u event 0x%x", report->is_rtc, report->is_button,
     report->rtc_id, report->rtc_evt)
TELL(control, scmi_imx_misc_ctrl_notify_report, "control %u flags 0x%x", report->ctrl_id, report->flags)

static void tell_update(struct seq_buf *to, const void *data)
{
	const struct scmi_sensor_update_report *report = data;

	seq_buf_printf(to, "agent %u sensor %u", report->agent_id, report->sensor_id);
	for (unsigned int i = 0; i < report->readings_count; i++)
		seq_buf_printf(to, " %lld@%llu", report->readings[i].value, report->readings[i].timestamp);
}

static void tell_error(struct seq_buf *to, const void *data)
{
	const struct scmi_base_error_report *report = data;

	seq_buf_printf(to, "agent %u fatal %d", report->agent_id, report->fatal);
	for (unsigned int i = 0; i < report->cmd_count; i++)
		seq_buf_printf(to, " 0x%llx", report->reports[i]);
}

static const struct event {
	u8 protocol, id;
	const char *name;
	void (*tell)(struct seq_buf *to, const void *report);
} events[] = {
	{ SCMI_PROTOCOL_BASE, SCMI_EVENT_BASE_ERROR_EVENT, "error", tell_error },
	{ SCMI_PROTOCOL_POWER, SCMI_EVENT_POWER_STATE_CHANGED, "state_changed", tell_power },
	{ SCMI_PROTOCOL_SYSTEM, SCMI_EVENT_SYSTEM_POWER_STATE_NOTIFIER, "state", tell_system },
	{ SCMI_PROTOCOL_PERF, SCMI_EVENT_PERFORMANCE_LIMITS_CHANGED, "limits_changed", tell_limits },
	{ SCMI_PROTOCOL_PERF, SCMI_EVENT_PERFORMANCE_LEVEL_CHANGED, "level_changed", tell_level },
	{ SCMI_PROTOCOL_CLOCK, SCMI_EVENT_CLOCK_RATE_CHANGED, "rate_changed", tell_rate },
	{ SCMI_PROTOCOL_CLOCK, SCMI_EVENT_CLOCK_RATE_CHANGE_REQUESTED, "rate_change_requested", tell_rate },
	{ SCMI_PROTOCOL_SENSOR, SCMI_EVENT_SENSOR_TRIP_POINT_EVENT, "trip", tell_trip },
	{ SCMI_PROTOCOL_SENSOR, SCMI_EVENT_SENSOR_UPDATE, "update", tell_update },
	{ SCMI_PROTOCOL_RESET, SCMI_EVENT_RESET_ISSUED, "issued", tell_reset },
	{ SCMI_PROTOCOL_POWERCAP, SCMI_EVENT_POWERCAP_CAP_CHANGED, "cap_changed", tell_cap },
	{ SCMI_PROTOCOL_POWERCAP, SCMI_EVENT_POWERCAP_MEASUREMENTS_CHANGED, "measurements_changed", tell_power_measured },
	{ SCMI_PROTOCOL_IMX_BBM, SCMI_EVENT_IMX_BBM_RTC, "rtc", tell_bbm },
	{ SCMI_PROTOCOL_IMX_BBM, SCMI_EVENT_IMX_BBM_BUTTON, "button", tell_bbm },
	{ SCMI_PROTOCOL_IMX_MISC, SCMI_EVENT_IMX_MISC_CONTROL, "control", tell_control },
};

static int on_event(struct notifier_block *block, unsigned long id, void *report)
{
	struct listener *listener = container_of(block, struct listener, block);

	mutex_lock(&listener->lock);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (events[i].protocol != listener->protocol || events[i].id != id)
			continue;
		seq_buf_printf(&listener->heard, "%s: ", events[i].name);
		events[i].tell(&listener->heard, report);
		seq_buf_puts(&listener->heard, "\n");
	}
	mutex_unlock(&listener->lock);
	return NOTIFY_OK;
}

/* EVENT is a name of the table or a number, which the kernel need not know. */
static int take_event(struct call *call, struct listener *listener)
{
	if (!call->word) {
		if (call->count == 0 || ARGUMENT(0) > U8_MAX)
			return -EINVAL;
		listener->event = ARGUMENT(0);
		listener->source = call->count > 1 ? ARGUMENT(1) : ANY_SOURCE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (events[i].protocol != call->protocol || strcmp(events[i].name, call->word))
			continue;
		listener->event = events[i].id;
		listener->source = call->count > 0 ? ARGUMENT(0) : ANY_SOURCE;
		return 0;
	}
	return -EINVAL;
}

static int start(struct listener *listener)
{
	struct scmi_device *sdev = listener->part->sdev;
	const struct scmi_notify_ops *ops = sdev->handle->notify_ops;
	const u32 *source = listener->source == ANY_SOURCE ? NULL : &listener->source;

	if (listener->is_managed)
		return ops->devm_event_notifier_register(sdev, listener->protocol, listener->event, source,
							 &listener->block);
	return ops->event_notifier_register(sdev->handle, listener->protocol, listener->event, source,
					    &listener->block);
}

static int end(struct listener *listener)
{
	struct scmi_device *sdev = listener->part->sdev;
	const struct scmi_notify_ops *ops = sdev->handle->notify_ops;
	const u32 *source = listener->source == ANY_SOURCE ? NULL : &listener->source;

	if (listener->is_managed)
		return ops->devm_event_notifier_unregister(sdev, &listener->block);
	return ops->event_notifier_unregister(sdev->handle, listener->protocol, listener->event, source,
					      &listener->block);
}

/* The memory of a managed listener is the device's, too: allocated before, it is freed after the registration. */
static struct listener *allocate(struct part *part, bool is_managed)
{
	size_t size = sizeof(struct listener);

	return is_managed ? devm_kzalloc(&part->sdev->dev, size, GFP_KERNEL) : kzalloc(size, GFP_KERNEL);
}

static void release(struct listener *listener)
{
	if (listener->is_managed)
		devm_kfree(&listener->part->sdev->dev, listener);
	else
		kfree(listener);
}

/* Prints the listener's number. */
int listen(struct call *call, bool is_managed)
{
	struct listener *listener = allocate(call->part, is_managed);
	int ret;

	if (!listener)
		return -ENOMEM;
	listener->part = call->part;
	listener->protocol = call->protocol;
	listener->is_managed = is_managed;
	listener->block.notifier_call = on_event;
	mutex_init(&listener->lock);
	seq_buf_init(&listener->heard, listener->text, sizeof(listener->text));
	ret = take_event(call, listener);
	if (!ret)
		ret = start(listener);
	if (ret) {
		release(listener);
		return ret;
	}
	mutex_lock(&listeners_lock);
	listener->number = ++last_number;
	list_add_tail(&listener->in_listeners, &listeners);
	mutex_unlock(&listeners_lock);
	SAY("%d\n", listener->number);
	return 0;
}

static struct listener *find(u64 number)
{
	struct listener *listener;

	list_for_each_entry(listener, &listeners, in_listeners)
		if (listener->number == number)
			return listener;
	return NULL;
}

int unlisten(struct call *call)
{
	struct listener *listener;
	int ret = -ENXIO;

	mutex_lock(&listeners_lock);
	listener = find(ARGUMENT(0));
	if (listener) {
		ret = end(listener);
		list_del(&listener->in_listeners);
		release(listener);
	}
	mutex_unlock(&listeners_lock);
	return ret;
}

/* What a listener has heard; it forgets it. */
int heard(struct call *call)
{
	struct listener *listener;

	mutex_lock(&listeners_lock);
	listener = find(ARGUMENT(0));
	if (listener) {
		mutex_lock(&listener->lock);
		SAY("%.*s", (int)seq_buf_used(&listener->heard), listener->text);
		seq_buf_clear(&listener->heard);
		mutex_unlock(&listener->lock);
	}
	mutex_unlock(&listeners_lock);
	return listener ? 0 : -ENXIO;
}

/* The core ends managed listeners itself, after this. */
void unlisten_all(struct part *part)
{
	struct listener *listener, *next;

	mutex_lock(&listeners_lock);
	list_for_each_entry_safe(listener, next, &listeners, in_listeners) {
		if (listener->part != part)
			continue;
		list_del(&listener->in_listeners);
		if (listener->is_managed)
			continue;
		end(listener);
		release(listener);
	}
	mutex_unlock(&listeners_lock);
}
