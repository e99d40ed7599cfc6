export default {
  summary: 'waits for ever in the guest',
  limitMs: 2000,

  async run(t) {
    await t.step('sleep')
    await t.call('sleep_forever')
  },
}
