/**
 * The descriptors that server reflection returns. protobufjs describes each package as a file, omits the files it
 * depends on, and names map entries and fields of well-known types in its own way. Strict clients reject that, so it is
 * corrected here.
 */
import type { AnyDefinition, PackageDefinition } from '@grpc/proto-loader'
import descriptor from 'protobufjs/ext/descriptor/index.js'

/** The module is CommonJS, and Node can't see its named exports. */
const { FileDescriptorProto } = descriptor

/** The fields of descriptors (google/protobuf/descriptor.proto) that are used here. */
interface FileDescription {
  name: string
  package: string
  dependency: string[]
  messageType: MessageDescription[]
}

interface MessageDescription {
  name: string
  field: { name: string; typeName: string }[]
  nestedType: MessageDescription[]
  options?: { mapEntry?: boolean }
}

const WELL_KNOWN = 'google.protobuf'
/** The file that defines all well-known types of the schema. */
const WELL_KNOWN_FILE = 'google/protobuf/struct.proto'

export function corrected(definition: PackageDefinition): PackageDefinition {
  const files = new Map<Buffer, Buffer>()
  const correct = (file: Buffer): Buffer => {
    const done = files.get(file) ?? correctFile(file)
    files.set(file, done)
    return done
  }
  const withFiles = (entry: AnyDefinition): AnyDefinition => {
    const { fileDescriptorProtos: described } = entry as { fileDescriptorProtos?: Buffer[] }
    const fileDescriptorProtos = Array.isArray(described) ? described.map(correct) : undefined
    return fileDescriptorProtos ? Object.assign({}, entry, { fileDescriptorProtos }) : entry
  }
  return Object.fromEntries(Object.entries(definition).map(([name, entry]) => [name, withFiles(entry)]))
}

function correctFile(bytes: Buffer): Buffer {
  const decoded = FileDescriptorProto.decode(bytes)
  const file = decoded as unknown as FileDescription
  if (file.package === WELL_KNOWN) {
    file.name = WELL_KNOWN_FILE
    for (const field of file.messageType.flatMap(message => message.field)) field.name = snakeCase(field.name)
  } else file.dependency = [WELL_KNOWN_FILE]
  for (const message of file.messageType) correctMaps(message)
  return Buffer.from(FileDescriptorProto.encode(decoded).finish())
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** Map entries of `statuses` must have type StatusesEntry. */
function correctMaps(message: MessageDescription): void {
  for (const nested of message.nestedType) {
    correctMaps(nested)
    if (!nested.options?.mapEntry) continue
    const name = `${nested.name}Entry`
    for (const field of message.field) if (field.typeName === nested.name) field.typeName = name
    nested.name = name
  }
}
