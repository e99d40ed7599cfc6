/** The process of the native floor: `native-floor.js ANSWERS SOCKET…`, ANSWERS as JSON; ends with its standard input. */
import { createRequire } from 'node:module'

interface Addon {
  NativeFloor: new (path: string, answers: number[][]) => object
}

const { NativeFloor } = createRequire(import.meta.url)('#native-floor') as Addon
const [answers = '[]', ...sockets] = process.argv.slice(2)
for (const path of sockets) new NativeFloor(path, JSON.parse(answers))
process.stdin.on('end', () => process.exit()).resume()
console.log('ready')
