// SPDX-License-Identifier: GPL-2.0
/* The operations of sensors, power capping and pins. */
#include "protocols.h"

#define ID ((u32)ARGUMENT(0))
/* Each function begins with the protocol's operations and its handle. */
#define USE(protocol)                                                    \
	const struct scmi_##protocol##_proto_ops *ops = call->part->ops; \
	const struct scmi_protocol_handle *ph = call->ph
#define MAX_AXES 63
#define MAX_SETTINGS 32

static int sensor_count_get(struct call *call)
{
	USE(sensor);

	SAY("%d\n", ops->count_get(ph));
	return 0;
}

static int sensor_info_get(struct call *call)
{
	USE(sensor);
	const struct scmi_sensor_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY("%s type %u scale %d trips %u async %d update %d timestamped %d tstamp_scale %d config 0x%x\n", info->name,
	    info->type, info->scale, info->num_trip_points, info->async, info->update, info->timestamped,
	    info->tstamp_scale, info->sensor_config);
	if (info->extended_scalar_attrs)
		SAY("power %u resolution %u exponent %d range %lld %lld\n", info->sensor_power, info->resolution,
		    info->exponent, info->scalar_attrs.min_range, info->scalar_attrs.max_range);
	SAY("intervals segmented %d", info->intervals.segmented);
	for (unsigned int i = 0; i < info->intervals.count; i++)
		SAY(" 0x%x", info->intervals.desc[i]);
	SAY("\n");
	for (unsigned int i = 0; i < info->num_axis; i++) {
		const struct scmi_sensor_axis_info *axis = &info->axis[i];

		SAY("axis %u %s type %u scale %d", axis->id, axis->name, axis->type, axis->scale);
		if (axis->extended_attrs)
			SAY(" resolution %u exponent %d range %lld %lld", axis->resolution, axis->exponent,
			    axis->attrs.min_range, axis->attrs.max_range);
		SAY("\n");
	}
	return 0;
}

static int sensor_trip_point_config(struct call *call)
{
	USE(sensor);

	return ops->trip_point_config(ph, ID, ARGUMENT(1), ARGUMENT(2));
}

static int sensor_reading_get(struct call *call)
{
	USE(sensor);
	u64 value = 0;
	int ret = ops->reading_get(ph, ID, &value);

	if (!ret)
		SAY("%lld\n", (s64)value);
	return ret;
}

/* SENSOR COUNT: value@timestamp of each axis. */
static int sensor_reading_get_timestamped(struct call *call)
{
	struct scmi_sensor_reading readings[MAX_AXES] = {};
	USE(sensor);
	int ret;

	if (ARGUMENT(1) > MAX_AXES)
		return -ERANGE;
	ret = ops->reading_get_timestamped(ph, ID, ARGUMENT(1), readings);
	for (unsigned int i = 0; !ret && i < ARGUMENT(1); i++)
		SAY("%lld@%llu\n", readings[i].value, readings[i].timestamp);
	return ret;
}

static int sensor_config_get(struct call *call)
{
	USE(sensor);
	u32 config = 0;
	int ret = ops->config_get(ph, ID, &config);

	if (!ret)
		SAY("0x%x\n", config);
	return ret;
}

static int sensor_config_set(struct call *call)
{
	USE(sensor);

	return ops->config_set(ph, ID, ARGUMENT(1));
}

static int powercap_num_domains_get(struct call *call)
{
	USE(powercap);

	SAY("%d\n", ops->num_domains_get(ph));
	return 0;
}

static int powercap_info_get(struct call *call)
{
	USE(powercap);
	const struct scmi_powercap_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY("%s notify %d%d async %d config %d monitoring %d pai_config %d mw %d uw %d\n", info->name,
	    info->notify_powercap_cap_change, info->notify_powercap_measurement_change, info->async_powercap_cap_set,
	    info->powercap_cap_config, info->powercap_monitoring, info->powercap_pai_config, info->powercap_scale_mw,
	    info->powercap_scale_uw);
	SAY("pai %u %u %u cap %u %u %u sustainable %u accuracy %u parent 0x%x\n", info->min_pai, info->max_pai,
	    info->pai_step, info->min_power_cap, info->max_power_cap, info->power_cap_step, info->sustainable_power,
	    info->accuracy, info->parent_id);
	return 0;
}

static int powercap_cap_get(struct call *call)
{
	USE(powercap);
	u32 cap = 0;
	int ret = ops->cap_get(ph, ID, &cap);

	if (!ret)
		SAY("%u\n", cap);
	return ret;
}

/* DOMAIN CAP [1: do not wait for the delayed response] */
static int powercap_cap_set(struct call *call)
{
	USE(powercap);

	return ops->cap_set(ph, ID, ARGUMENT(1), ARGUMENT(2));
}

static int powercap_cap_enable_set(struct call *call)
{
	USE(powercap);

	return ops->cap_enable_set(ph, ID, ARGUMENT(1));
}

static int powercap_cap_enable_get(struct call *call)
{
	USE(powercap);
	bool enabled = false;
	int ret = ops->cap_enable_get(ph, ID, &enabled);

	if (!ret)
		SAY("%d\n", enabled);
	return ret;
}

static int powercap_pai_get(struct call *call)
{
	USE(powercap);
	u32 pai = 0;
	int ret = ops->pai_get(ph, ID, &pai);

	if (!ret)
		SAY("%u\n", pai);
	return ret;
}

static int powercap_pai_set(struct call *call)
{
	USE(powercap);

	return ops->pai_set(ph, ID, ARGUMENT(1));
}

static int powercap_measurements_get(struct call *call)
{
	USE(powercap);
	u32 power = 0, pai = 0;
	int ret = ops->measurements_get(ph, ID, &power, &pai);

	if (!ret)
		SAY("%u %u\n", power, pai);
	return ret;
}

static int powercap_measurements_threshold_set(struct call *call)
{
	USE(powercap);

	return ops->measurements_threshold_set(ph, ID, ARGUMENT(1), ARGUMENT(2));
}

static int powercap_measurements_threshold_get(struct call *call)
{
	USE(powercap);
	u32 low = 0, high = 0;
	int ret = ops->measurements_threshold_get(ph, ID, &low, &high);

	if (!ret)
		SAY("%u %u\n", low, high);
	return ret;
}

static int pinctrl_count_get(struct call *call)
{
	USE(pinctrl);
	int count = ops->count_get(ph, ID);

	if (count < 0)
		return count;
	SAY("%d\n", count);
	return 0;
}

/* ID TYPE: 0 is a pin, 1 a group, 2 a function; the same below. */
static int pinctrl_name_get(struct call *call)
{
	USE(pinctrl);
	const char *name = NULL;
	int ret = ops->name_get(ph, ID, ARGUMENT(1), &name);

	if (!ret)
		SAY("%s\n", name);
	return ret;
}

static int say_numbers(struct call *call, const unsigned int *numbers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		SAY("%s%u", i ? " " : "", numbers[i]);
	SAY("\n");
	return 0;
}

static int pinctrl_group_pins_get(struct call *call)
{
	USE(pinctrl);
	const unsigned int *pins = NULL;
	unsigned int count = 0;
	int ret = ops->group_pins_get(ph, ID, &pins, &count);

	return ret ?: say_numbers(call, pins, count);
}

static int pinctrl_function_groups_get(struct call *call)
{
	USE(pinctrl);
	const unsigned int *groups = NULL;
	unsigned int count = 0;
	int ret = ops->function_groups_get(ph, ID, &count, &groups);

	return ret ?: say_numbers(call, groups, count);
}

/* FUNCTION GROUP */
static int pinctrl_mux_set(struct call *call)
{
	USE(pinctrl);

	return ops->mux_set(ph, ID, ARGUMENT(1));
}

/* ID TYPE SETTING */
static int pinctrl_settings_get_one(struct call *call)
{
	USE(pinctrl);
	u32 value = 0;
	int ret = ops->settings_get_one(ph, ID, ARGUMENT(1), ARGUMENT(2), &value);

	if (!ret)
		SAY("%u\n", value);
	return ret;
}

/* ID TYPE: setting=value of each. */
static int pinctrl_settings_get_all(struct call *call)
{
	USE(pinctrl);
	enum scmi_pinctrl_conf_type types[MAX_SETTINGS] = {};
	u32 values[MAX_SETTINGS] = {};
	unsigned int count = MAX_SETTINGS;
	int ret = ops->settings_get_all(ph, ID, ARGUMENT(1), &count, types, values);

	for (unsigned int i = 0; !ret && i < min(count, MAX_SETTINGS); i++)
		SAY("%u=%u\n", types[i], values[i]);
	return ret;
}

/* ID TYPE SETTING VALUE [SETTING VALUE] */
static int pinctrl_settings_conf(struct call *call)
{
	USE(pinctrl);
	enum scmi_pinctrl_conf_type types[] = { ARGUMENT(2), ARGUMENT(4) };
	u32 values[] = { ARGUMENT(3), ARGUMENT(5) };

	return ops->settings_conf(ph, ID, ARGUMENT(1), call->count > 4 ? 2 : 1, types, values);
}

static int pinctrl_pin_request(struct call *call)
{
	USE(pinctrl);

	return ops->pin_request(ph, ID);
}

static int pinctrl_pin_free(struct call *call)
{
	USE(pinctrl);

	return ops->pin_free(ph, ID);
}

#define SENSOR(name, needs) { SCMI_PROTOCOL_SENSOR, #name, needs, sensor_##name }
#define POWERCAP(name, needs) { SCMI_PROTOCOL_POWERCAP, #name, needs, powercap_##name }
#define PINCTRL(name, needs) { SCMI_PROTOCOL_PINCTRL, #name, needs, pinctrl_##name }

const struct operation measures[] = {
	SENSOR(count_get, 0),
	SENSOR(info_get, 1),
	SENSOR(trip_point_config, 3),
	SENSOR(reading_get, 1),
	SENSOR(reading_get_timestamped, 2),
	SENSOR(config_get, 1),
	SENSOR(config_set, 2),
	POWERCAP(num_domains_get, 0),
	POWERCAP(info_get, 1),
	POWERCAP(cap_get, 1),
	POWERCAP(cap_set, 2),
	POWERCAP(cap_enable_set, 2),
	POWERCAP(cap_enable_get, 1),
	POWERCAP(pai_get, 1),
	POWERCAP(pai_set, 2),
	POWERCAP(measurements_get, 1),
	POWERCAP(measurements_threshold_set, 3),
	POWERCAP(measurements_threshold_get, 1),
	PINCTRL(count_get, 1),
	PINCTRL(name_get, 2),
	PINCTRL(group_pins_get, 1),
	PINCTRL(function_groups_get, 1),
	PINCTRL(mux_set, 2),
	PINCTRL(settings_get_one, 3),
	PINCTRL(settings_get_all, 2),
	PINCTRL(settings_conf, 4),
	PINCTRL(pin_request, 1),
	PINCTRL(pin_free, 1),
	{}
};
