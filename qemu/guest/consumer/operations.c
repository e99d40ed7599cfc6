// SPDX-License-Identifier: GPL-2.0
/* The operations of the protocols that switch: power, performance, clock, reset, voltage. Their results are words on a line. */
#include "protocols.h"

#define ID ((u32)ARGUMENT(0))
#define DEFINE(protocol, name, ...)                                                     \
	static int protocol##_##name(struct call *call)                                 \
	{                                                                               \
		const struct scmi_##protocol##_proto_ops *ops = call->part->ops;        \
		const struct scmi_protocol_handle *ph = call->ph;                       \
		__VA_ARGS__                                                             \
	}
/* An operation that only has a status. */
#define DO(protocol, name, ...) \
	DEFINE(protocol, name, return ops->name(ph, __VA_ARGS__);)
/* One that returns a number that is not negative. */
#define COUNT(protocol, name, ...)                                      \
	DEFINE(protocol, name, int number = ops->name(ph, ##__VA_ARGS__); \
	       if (number < 0) return number;                           \
	       SAY("%d\n", number);                                     \
	       return 0;)
/* One that fills in a value. */
#define FETCH(protocol, name, type, format, ...)                                        \
	DEFINE(protocol, name, type value = 0; int ret = ops->name(ph, __VA_ARGS__);    \
	       if (ret) return ret;                                                     \
	       SAY(format "\n", value);                                                 \
	       return 0;)

COUNT(power, num_domains_get)
DEFINE(power, name_get, SAY("%s\n", ops->name_get(ph, ID)); return 0;)
DO(power, state_set, ID, ARGUMENT(1))
FETCH(power, state_get, u32, "0x%x", ID, &value)

COUNT(perf, num_domains_get)
DEFINE(perf, info_get,
	const struct scmi_perf_domain_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY("%s set_perf %d\n", info->name, info->set_perf);
	return 0;
)
DO(perf, limits_set, ID, ARGUMENT(1), ARGUMENT(2))
DEFINE(perf, limits_get,
	u32 max = 0, min = 0;
	int ret = ops->limits_get(ph, ID, &max, &min);

	if (!ret)
		SAY("%u %u\n", max, min);
	return ret;
)
DO(perf, level_set, ID, ARGUMENT(1), ARGUMENT(2))
FETCH(perf, level_get, u32, "%u", ID, &value, ARGUMENT(1))
COUNT(perf, transition_latency_get, ID)
FETCH(perf, rate_limit_get, u32, "%u", ID, &value)
DO(perf, freq_set, ID, ARGUMENT(1), ARGUMENT(2))
FETCH(perf, freq_get, unsigned long, "%lu", ID, &value, ARGUMENT(1))
DEFINE(perf, est_power_get,
	unsigned long rate = ARGUMENT(1), power = 0;
	int ret = ops->est_power_get(ph, ID, &rate, &power);

	if (!ret)
		SAY("%lu %lu\n", rate, power);
	return ret;
)
COUNT(perf, fast_switch_possible, ID)
FETCH(perf, fast_switch_rate_limit, u32, "%u", ID, &value)
COUNT(perf, power_scale_get)

/* So that the name of the operations is that of the protocol. */
#define scmi_clock_proto_ops scmi_clk_proto_ops

COUNT(clock, count_get)
DEFINE(clock, info_get,
	const struct scmi_clock_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY("%s latency %u notify %d%d forbidden %d%d%d extended %d parents", info->name, info->enable_latency,
	    info->rate_changed_notifications, info->rate_change_requested_notifications, info->state_ctrl_forbidden,
	    info->rate_ctrl_forbidden, info->parent_ctrl_forbidden, info->extended_config);
	for (int i = 0; i < info->num_parents; i++)
		SAY(" %u", info->parents[i]);
	SAY("\n");
	return 0;
)
#ifdef HAS_CLOCK_ALL_RATES
/* "list" and every rate, or "range" with the lowest, the highest, and the step. */
DEFINE(clock, all_rates_get,
	const struct scmi_clock_rates *rates = ops->all_rates_get(ph, ID);

	if (IS_ERR_OR_NULL(rates))
		return rates ? PTR_ERR(rates) : -ENOENT;
	SAY(rates->rate_discrete ? "list" : "range");
	for (unsigned int i = 0; i < rates->num_rates; i++)
		SAY(" %llu", rates->rates[i]);
	SAY("\n");
	return 0;
)
DEFINE(clock, determine_rate,
	unsigned long rate = ARGUMENT(1);
	int ret = ops->determine_rate(ph, ID, &rate);

	if (!ret)
		SAY("%lu\n", rate);
	return ret;
)
#else
/* The same, where the information about a clock has it. */
DEFINE(clock, all_rates_get,
	const struct scmi_clock_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY(info->rate_discrete ? "list" : "range");
	for (int i = 0; info->rate_discrete && i < info->list.num_rates; i++)
		SAY(" %llu", info->list.rates[i]);
	if (!info->rate_discrete)
		SAY(" %llu %llu %llu", info->range.min_rate, info->range.max_rate, info->range.step_size);
	SAY("\n");
	return 0;
)
#endif
FETCH(clock, rate_get, u64, "%llu", ID, &value)
DO(clock, rate_set, ID, ARGUMENT(1))
DO(clock, enable, ID, ARGUMENT(1))
DO(clock, disable, ID, ARGUMENT(1))
FETCH(clock, state_get, bool, "%d", ID, &value, ARGUMENT(1))
DEFINE(clock, config_oem_get,
	u32 value = 0, attributes = 0;
	int ret = ops->config_oem_get(ph, ID, ARGUMENT(1), &value, &attributes, ARGUMENT(2));

	if (!ret)
		SAY("%u 0x%x\n", value, attributes);
	return ret;
)
DO(clock, config_oem_set, ID, ARGUMENT(1), ARGUMENT(2), ARGUMENT(3))
FETCH(clock, parent_get, u32, "%u", ID, &value)
DO(clock, parent_set, ID, ARGUMENT(1))

COUNT(reset, num_domains_get)
DEFINE(reset, name_get, SAY("%s\n", ops->name_get(ph, ID)); return 0;)
COUNT(reset, latency_get, ID)
DO(reset, reset, ID)
DO(reset, assert, ID)
DO(reset, deassert, ID)

COUNT(voltage, num_domains_get)
DEFINE(voltage, info_get,
	const struct scmi_voltage_info *info = ops->info_get(ph, ID);

	if (IS_ERR_OR_NULL(info))
		return info ? PTR_ERR(info) : -ENOENT;
	SAY("%s segmented %d negative %d async %d levels", info->name, info->segmented, info->negative_volts_allowed,
	    info->async_level_set);
	for (unsigned int i = 0; i < info->num_levels; i++)
		SAY(" %d", info->levels_uv[i]);
	SAY("\n");
	return 0;
)
DO(voltage, config_set, ID, ARGUMENT(1))
FETCH(voltage, config_get, u32, "0x%x", ID, &value)
/* DOMAIN MODE MICROVOLTS; mode 0 lets the platform take its time, 1 waits. */
DO(voltage, level_set, ID, ARGUMENT(1), ARGUMENT(2))
FETCH(voltage, level_get, s32, "%d", ID, &value)

#define POWER(name, needs) { SCMI_PROTOCOL_POWER, #name, needs, power_##name }
#define PERF(name, needs) { SCMI_PROTOCOL_PERF, #name, needs, perf_##name }
#define CLOCK(name, needs) { SCMI_PROTOCOL_CLOCK, #name, needs, clock_##name }
#define RESET(name, needs) { SCMI_PROTOCOL_RESET, #name, needs, reset_##name }
#define VOLT(name, needs) { SCMI_PROTOCOL_VOLTAGE, #name, needs, voltage_##name }

const struct operation operations[] = {
	POWER(num_domains_get, 0),
	POWER(name_get, 1),
	POWER(state_set, 2),
	POWER(state_get, 1),
	PERF(num_domains_get, 0),
	PERF(info_get, 1),
	PERF(limits_set, 3),
	PERF(limits_get, 1),
	PERF(level_set, 2),
	PERF(level_get, 1),
	PERF(transition_latency_get, 1),
	PERF(rate_limit_get, 1),
	PERF(freq_set, 2),
	PERF(freq_get, 1),
	PERF(est_power_get, 2),
	PERF(fast_switch_possible, 1),
	PERF(fast_switch_rate_limit, 1),
	PERF(power_scale_get, 0),
	CLOCK(count_get, 0),
	CLOCK(info_get, 1),
	CLOCK(all_rates_get, 1),
	CLOCK(rate_get, 1),
	CLOCK(rate_set, 2),
#ifdef HAS_CLOCK_ALL_RATES
	CLOCK(determine_rate, 2),
#endif
	CLOCK(enable, 1),
	CLOCK(disable, 1),
	CLOCK(state_get, 1),
	CLOCK(config_oem_get, 2),
	CLOCK(config_oem_set, 3),
	CLOCK(parent_get, 1),
	CLOCK(parent_set, 2),
	RESET(num_domains_get, 0),
	RESET(name_get, 1),
	RESET(latency_get, 1),
	RESET(reset, 1),
	RESET(assert, 1),
	RESET(deassert, 1),
	VOLT(num_domains_get, 0),
	VOLT(info_get, 1),
	VOLT(config_set, 2),
	VOLT(config_get, 1),
	VOLT(level_set, 3),
	VOLT(level_get, 1),
	{}
};
