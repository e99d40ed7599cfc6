export default {
  summary: 'waits for longer than it may',
  limitMs: 1000,

  async run(t) {
    await t.step('sleep')
    await t.call('sleep_long')
  },
}
