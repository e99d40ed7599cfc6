/**
 * The process of the native floor: `native-floor.js ANSWERS SOCKET…`, ANSWERS as JSON; exits when its standard input
 * ends.
 */
import { loadAddon } from '../support/addon.js'

interface Addon {
  NativeFloor: new (path: string, answers: number[][]) => object
}

const { NativeFloor } = loadAddon<Addon>('#native-floor')
const [answers = '[]', ...sockets] = process.argv.slice(2)
for (const path of sockets) new NativeFloor(path, JSON.parse(answers))
process.stdin.on('end', () => process.exit()).resume()
console.log('ready')
