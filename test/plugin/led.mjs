// The LEDs of a board: protocol 0x90, and in the platform file `leds: [{ name: power, on: true }, { name: disk }]`.
import { command, defineProtocol, ResourceView, resourceName, SUCCESS, text, u32, z } from 'vhost-user-scmi'

const schema = z.array(z.strictObject({ name: resourceName, on: z.boolean().default(false) }))
const leds = { section: 'leds', schema, create: config => config }

const attributes = command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('num_leds')], (view, _request, reply) => {
  reply.u32(view.count)
  return SUCCESS
})
const get = command(0x3, 'LED_GET', [u32('led_id')], [u32('on'), text('name')], (view, request, reply) => {
  const led = view.find(request.u32())
  if (!led) return view.refusal
  reply.u32(led.on ? 1 : 0)
  reply.text(led.name, 16)
  return SUCCESS
})
const set = command(0x4, 'LED_SET', [u32('led_id'), u32('on')], [], (view, request) => {
  const led = view.find(request.u32())
  if (!led) return view.refusal
  led.on = request.u32() !== 0
  return SUCCESS
})
const protocol = { id: 0x90, name: 'led', versions: [0x10000], resource: leds, commands: [attributes, get, set] }
const attach = (platform, agentProtocol) => new ResourceView(platform.model(leds), agentProtocol)

export default defineProtocol({ ...protocol, attach })
