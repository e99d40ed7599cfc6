/**
 * The message header word (SCMI v3.2 §4.1.2):
 * [7:0] message id, [9:8] type, [17:10] protocol id, [27:18] token, [31:28] zero.
 */

export const HEADER_SIZE = 4
export const STATUS_SIZE = 4
/** Size of header and status, which every reply has. */
export const REPLY_MIN = 8

/** Longest accepted message, including the header: far above Linux' default of 128 bytes of payload. */
export const MESSAGE_MAX = 4096
/** Message ids are 8 bits wide, and so are protocol ids (SCMI v3.2 §4.1.2). */
export const IDS = 256

/** A command and its immediate response. */
export const COMMAND = 0
/** SCMI reserves this type. In records of ours it stands for a write to a fast channel, which is no message. */
export const CHANNEL_WRITE = 1
export const DELAYED_RESPONSE = 2
export const NOTIFICATION = 3

const TYPE_MASK = 0x300

export function packHeader(protocolId: number, messageId: number, type: number, token: number): number {
  return ((token << 18) | (protocolId << 10) | (type << 8) | messageId) >>> 0
}

export function messageIdOf(header: number): number {
  return header & 0xff
}

export function typeOf(header: number): number {
  return (header >>> 8) & 0x3
}

export function protocolIdOf(header: number): number {
  return (header >>> 10) & 0xff
}

export function tokenOf(header: number): number {
  return (header >>> 18) & 0x3ff
}

/** The header of the delayed response to a command: same message, protocol and token, other type. */
export function delayedResponseTo(header: number): number {
  return ((header & ~TYPE_MASK) | (DELAYED_RESPONSE << 8)) >>> 0
}
