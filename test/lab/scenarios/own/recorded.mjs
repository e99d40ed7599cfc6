export default {
  summary: 'fails as its record says',

  async run(t) {
    await t.expect('one is two', { because: 'it is not', got: () => 1, is: 2 })
  },
}
