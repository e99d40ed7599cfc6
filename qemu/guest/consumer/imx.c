// SPDX-License-Identifier: GPL-2.0
/* The operations of NXP's protocols. Of those that a kernel does not declare there is nothing. */
#include <linux/slab.h>

#include "protocols.h"

#define ID ((u32)ARGUMENT(0))
#define USE(protocol)                                                        \
	const struct scmi_imx_##protocol##_proto_ops *ops = call->part->ops; \
	const struct scmi_protocol_handle *ph = call->ph
#define MAX_WORDS 32
#define SYSLOG_WORDS 1024

static int bbm_rtc_time_set(struct call *call)
{
	USE(bbm);

	return ops->rtc_time_set(ph, ID, ARGUMENT(1));
}

static int bbm_rtc_time_get(struct call *call)
{
	USE(bbm);
	u64 seconds = 0;
	int ret = ops->rtc_time_get(ph, ID, &seconds);

	if (!ret)
		SAY("%llu\n", seconds);
	return ret;
}

/* RTC ENABLE SECONDS */
static int bbm_rtc_alarm_set(struct call *call)
{
	USE(bbm);

	return ops->rtc_alarm_set(ph, ID, ARGUMENT(1), ARGUMENT(2));
}

static int bbm_button_get(struct call *call)
{
	USE(bbm);
	u32 state = 0;
	int ret = ops->button_get(ph, &state);

	if (!ret)
		SAY("0x%x\n", state);
	return ret;
}

static int misc_ctrl_set(struct call *call)
{
	USE(misc);
	u32 values[MAX_ARGUMENTS];

	for (int i = 1; i < call->count; i++)
		values[i - 1] = ARGUMENT(i);
	return ops->misc_ctrl_set(ph, ID, call->count - 1, values);
}

static int misc_ctrl_get(struct call *call)
{
	USE(misc);
	u32 values[MAX_WORDS] = {}, count = MAX_WORDS;
	int ret = ops->misc_ctrl_get(ph, ID, &count, values);

	for (u32 i = 0; !ret && i < min_t(u32, count, MAX_WORDS); i++)
		SAY("0x%x\n", values[i]);
	return ret;
}

static int misc_ctrl_req_notify(struct call *call)
{
	USE(misc);

	return ops->misc_ctrl_req_notify(ph, ID, ARGUMENT(1), ARGUMENT(2));
}

#ifdef HAS_IMX_SYSLOG
static int misc_syslog(struct call *call)
{
	USE(misc);
	u16 count = SYSLOG_WORDS;
	u32 *words = kcalloc(SYSLOG_WORDS, sizeof(*words), GFP_KERNEL);
	int ret;

	if (!words)
		return -ENOMEM;
	ret = ops->misc_syslog(ph, &count, words);
	for (u16 i = 0; !ret && i < min_t(u16, count, SYSLOG_WORDS); i++)
		SAY("0x%x\n", words[i]);
	kfree(words);
	return ret;
}

static void say_reason(struct call *call, const char *what, const struct scmi_imx_misc_reset_reason *reason)
{
	SAY("%s valid %d %d %d reason %u origin %u error %u\n", what, reason->valid, reason->orig_valid,
	    reason->err_valid, reason->reason, reason->origin, reason->errid);
}

/* 1: the system's; 0: the logical machine's */
static int misc_reset_reason(struct call *call)
{
	USE(misc);
	struct scmi_imx_misc_reset_reason boot = {}, shutdown = {};
	u32 more[MISC_EXT_INFO_LEN_MAX] = {};
	int ret = ops->misc_reset_reason(ph, ARGUMENT(0), &boot, &shutdown, more);

	if (ret)
		return ret;
	say_reason(call, "boot", &boot);
	say_reason(call, "shutdown", &shutdown);
	SAY("more 0x%x 0x%x 0x%x 0x%x\n", more[0], more[1], more[2], more[3]);
	return 0;
}
#endif

#ifdef HAS_IMX_LMM
static int lmm_power_boot(struct call *call)
{
	USE(lmm);

	return ops->lmm_power_boot(ph, ID, ARGUMENT(1));
}

static int lmm_info(struct call *call)
{
	USE(lmm);
	struct scmi_imx_lmm_info info = {};
	int ret = ops->lmm_info(ph, ID, &info);

	if (!ret)
		SAY("%.*s id %u state %d error %u\n", LMM_MAX_NAME, info.name, info.lmid, info.state, info.errstatus);
	return ret;
}

/* MACHINE CPU FLAGS VECTOR */
static int lmm_reset_vector_set(struct call *call)
{
	USE(lmm);

	return ops->lmm_reset_vector_set(ph, ID, ARGUMENT(1), ARGUMENT(2), ARGUMENT(3));
}

static int lmm_shutdown(struct call *call)
{
	USE(lmm);

	return ops->lmm_shutdown(ph, ID, ARGUMENT(1));
}
#endif

#ifdef HAS_IMX_CPU
/* CPU VECTOR START BOOT RESUME */
static int cpu_reset_vector_set(struct call *call)
{
	USE(cpu);

	return ops->cpu_reset_vector_set(ph, ID, ARGUMENT(1), ARGUMENT(2), ARGUMENT(3), ARGUMENT(4));
}

static int cpu_start(struct call *call)
{
	USE(cpu);

	return ops->cpu_start(ph, ID, ARGUMENT(1));
}

static int cpu_started(struct call *call)
{
	USE(cpu);
	bool started = false;
	int ret = ops->cpu_started(ph, ID, &started);

	if (!ret)
		SAY("%d\n", started);
	return ret;
}
#endif

const struct operation imx_operations[] = {
	{ SCMI_PROTOCOL_IMX_BBM, "rtc_time_set", 2, bbm_rtc_time_set },
	{ SCMI_PROTOCOL_IMX_BBM, "rtc_time_get", 1, bbm_rtc_time_get },
	{ SCMI_PROTOCOL_IMX_BBM, "rtc_alarm_set", 3, bbm_rtc_alarm_set },
	{ SCMI_PROTOCOL_IMX_BBM, "button_get", 0, bbm_button_get },
	{ SCMI_PROTOCOL_IMX_MISC, "ctrl_set", 2, misc_ctrl_set },
	{ SCMI_PROTOCOL_IMX_MISC, "ctrl_get", 1, misc_ctrl_get },
	{ SCMI_PROTOCOL_IMX_MISC, "ctrl_req_notify", 3, misc_ctrl_req_notify },
#ifdef HAS_IMX_SYSLOG
	{ SCMI_PROTOCOL_IMX_MISC, "syslog", 0, misc_syslog },
	{ SCMI_PROTOCOL_IMX_MISC, "reset_reason", 1, misc_reset_reason },
#endif
#ifdef HAS_IMX_LMM
	{ SCMI_PROTOCOL_IMX_LMM, "power_boot", 2, lmm_power_boot },
	{ SCMI_PROTOCOL_IMX_LMM, "info", 1, lmm_info },
	{ SCMI_PROTOCOL_IMX_LMM, "reset_vector_set", 4, lmm_reset_vector_set },
	{ SCMI_PROTOCOL_IMX_LMM, "shutdown", 2, lmm_shutdown },
#endif
#ifdef HAS_IMX_CPU
	{ SCMI_PROTOCOL_IMX_CPU, "reset_vector_set", 5, cpu_reset_vector_set },
	{ SCMI_PROTOCOL_IMX_CPU, "start", 2, cpu_start },
	{ SCMI_PROTOCOL_IMX_CPU, "started", 1, cpu_started },
#endif
	{}
};
