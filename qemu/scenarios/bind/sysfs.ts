import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'the files of each device on the SCMI bus: its protocol and its name, and the alias that has both',
  platform: 'everything',
  onlyInAll: true,
  async run(t) {
    const shown = 'bus.c:protocol_id_show, name_show, modalias_show'
    const devices = (await t.call('devices')).split('\n')
    await t.expect('there are some', { because: shown, got: () => devices.length, is: count => count > 8 })
    for (const device of devices) {
      await t.expect(`${device}: its alias has both`, {
        because: shown,
        got: () => t.call('alias_of', [device]),
        is: await t.call('parts', [device]),
      })
    }
    await t.expect('the clock driver has a device of its protocol', {
      because: shown,
      got: () => t.call('protocol_of', ['scmi-clocks']),
      is: '0x14',
    })
  },
})
