/** A small platform with resources of every kind, plug-ins included. */
export const EVERYTHING = `
vendor: NXP
sub_vendor: IMX
shared_memory: { address: 0x4f000000, size: 0x2000 }
devices: [{ name: uart, resources: { clocks: [uart] } }]
clocks: [{ name: uart, rates: [24 MHz, 48 MHz], parents: [osc], duty_cycle: 50 }, { name: osc, rate: 24 MHz }]
sensors: [{ name: soc, type: celsius, value: 40 }]
power_domains: [{ name: gpu }, { name: a_power_domain_with_a_name }]
system: {}
resets: [{ name: usb }]
voltages: [{ name: vdd, levels: [1 V, 1.1 V], async: {} }]
powercaps: [{ name: pkg, cap_range: { min: 1 W, max: 9 W, step: 1 W }, power: 5 W, async: {} }]
telemetry: { events: [{ name: e, value: { sensor: soc } }] }
perf_domains: [{ name: cpu, levels: [{ level: 1, power: 1, frequency: 1 GHz }, { level: 2, power: 3, frequency: 2 GHz }], fast_channels: true }]
pinctrl: { pins: [{ name: p, configs: { slew_rate: 1 } }], groups: [{ name: g, pins: [p] }], functions: [{ name: f, groups: [g] }] }
imx_lms: [{ name: sm }, { name: m7 }]
imx_bbm: { rtcs: [{ name: rtc }], registers: 2 }
imx_cpus: [{ name: m7 }]
imx_misc: { device_controls: [{ name: c, value: [1, 2], actions: { 0: [1, 2] } }], reasons: [por], build: { number: 1, commit: 2 }, config: { name: c }, board: { name: b }, silicon: { name: s, device_id: 1 }, rom_passover: [1, 2], log: [1, 2, 3] }
`
