export default {
  summary: 'waits for a minute, unless somebody ends it',

  async run(t) {
    await t.step('wait')
    await t.call('wait_long', [], { timeoutMs: 60_000 })
  },
}
