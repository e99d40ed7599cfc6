export default {
  summary: 'needs nothing and passes',
  tags: ['quick'],

  async run(t) {
    await t.step('nothing to do')
  },
}
