export default {
  summary: 'expects what is not so',

  async run(t) {
    await t.step('leave a mark')
    await t.call('mark', ['made it here'])
    await t.step('look for a clock')
    await t.expect('the platform has a clock named "never"', {
      because: 'no reason at all',
      got: () => t.call('clock', ['never']),
      is: 'never',
    })
    await t.step('a step that is never reached')
  },
}
