import { scenario } from '../../runner/scenario.js'

export default scenario({
  onlyInAll: true,
  summary:
    'a process sends a command through a raw file, reads the reply, and sends another: each is sent as it was written',

  async run(t) {
    await t.expect('each command gets its own answer', {
      because: 'debugfs-scmi-raw: each write sends one command, and the replies can be read back from the same file',
      got: () => t.call('ask_twice'),
      is: '0\n3',
    })
  },
})
