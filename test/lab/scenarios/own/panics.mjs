export default {
  summary: 'brings the kernel down',

  async run(t) {
    await t.step('crash')
    await t.call('crash')
  },
}
