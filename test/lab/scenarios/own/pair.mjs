export default {
  summary: 'has two guests, and expects of the second what is not so',
  platform: { vendor: 'acme', clocks: [{ name: 'uart', rate: '24 MHz' }], agents: [{ name: 'first' }, { name: 'second' }] },
  machine: { cpus: 1 },
  guests: ['second'],

  async run(t) {
    await t.step('ask both')
    await t.agent('second').expect('the second guest has no clock', {
      because: 'no reason at all',
      got: () => t.agent('second').call('clocks'),
      is: '',
    })
  },
}
