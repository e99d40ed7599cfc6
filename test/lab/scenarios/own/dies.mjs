export default {
  summary: 'has a kernel that finds no init',
  machine: { append: ['rdinit=/no/init'] },

  async run() {},
}
