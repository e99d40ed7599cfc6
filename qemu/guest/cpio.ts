/**
 * The archive format of a Linux initramfs: cpio "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format).
 * Owner and times are fixed, so that equal files make an equal archive, and nobody needs to be root.
 */

/** Kinds of entries by their bits in `mode`, as in stat(2). */
const KINDS = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 }

export type CpioEntry =
  | { kind: 'folder'; path: string; mode?: number }
  | { kind: 'file'; path: string; mode?: number; content: Buffer }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'device'; path: string; mode?: number; major: number; minor: number }

const ALIGNMENT = 4
/** The whole archive is padded to tape blocks, as cpio(1) does. */
const BLOCK_SIZE = 512

const MODES = { folder: 0o755, file: 0o644, link: 0o777, device: 0o600 }

/** Writes entries in order; parent folders are added before the first entry in them. */
export function writeCpio(entries: CpioEntry[]): Buffer {
  const chunks: Buffer[] = []
  let size = 0
  let inode = 0
  const append = (chunk: Buffer, align: number) => {
    const padding = Buffer.alloc((align - ((size + chunk.length) % align)) % align)
    chunks.push(chunk, padding)
    size += chunk.length + padding.length
  }
  const add = (path: string, mode: number, content: Buffer, device: [number, number] = [0, 0]) => {
    inode += 1
    const name = Buffer.from(`${path}\0`)
    append(Buffer.concat([header({ inode, mode, size: content.length, name: name.length, device }), name]), ALIGNMENT)
    append(content, ALIGNMENT)
  }
  for (const entry of withFolders(entries)) {
    const mode = KINDS[entry.kind] | (('mode' in entry && entry.mode) || MODES[entry.kind])
    const device: [number, number] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0]
    add(entry.path.replace(/^\/+/, ''), mode, contentOf(entry), device)
  }
  add('TRAILER!!!', 0, Buffer.alloc(0))
  append(Buffer.alloc(0), BLOCK_SIZE)
  return Buffer.concat(chunks)
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.kind === 'file') return entry.content
  return entry.kind === 'link' ? Buffer.from(entry.target) : Buffer.alloc(0)
}

/** Thirteen fields of eight hexadecimal digits after the magic number. */
function header(of: { inode: number; mode: number; size: number; name: number; device: [number, number] }): Buffer {
  const fields = [of.inode, of.mode, 0, 0, 1, 0, of.size, 0, 0, ...of.device, of.name, 0]
  return Buffer.from(`070701${fields.map(value => value.toString(16).padStart(8, '0')).join('')}`, 'ascii')
}

function withFolders(entries: CpioEntry[]): CpioEntry[] {
  const known = new Set(entries.filter(entry => entry.kind === 'folder').map(entry => entry.path))
  const missing = new Set<string>()
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1)
    parts.forEach((_, index) => {
      const folder = parts.slice(0, index + 1).join('/')
      if (folder && !known.has(folder)) missing.add(folder)
    })
  }
  const folders = [...missing].sort().map(path => ({ kind: 'folder' as const, path }))
  return [...folders, ...entries]
}
