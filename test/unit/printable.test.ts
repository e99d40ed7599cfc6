/** Text from outside, as it is printed to terminals, logs and reports. */
import { describe, expect, it } from 'vitest'
import { htmlText } from '../../qemu/runner/report/html.js'
import { ConfigError } from '../../src/platform/core/config-error.js'
import { OperatorError, RequestError } from '../../src/support/errors.js'
import { escapedJson, printable, printableCell, printableJson, printableLines } from '../../src/support/printable.js'

describe('printable', () => {
  it.each([
    ['an escape sequence', 'a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['a title', '\x1b]0;gone\x07', '\\x1b]0;gone\\x07'],
    ['control sequences of one character', '\x9b31m\x9d\x90', '\\x9b31m\\x9d\\x90'],
    ['DEL and NUL', '\x7f\0', '\\x7f\\x00'],
    ['line ends and tabs', 'a\r\n\tb', 'a\\r\\n\\tb'],
    ['other line ends', 'a\u2028b\u2029c\u0085', 'a\\u2028b\\u2029c\\x85'],
    ['overrides of direction', '\u202eexe.\u2066txt\u200f', '\\u202eexe.\\u2066txt\\u200f'],
    ['invisible characters', 'a\u200bb\ufeffc\u00ad', 'a\\u200bb\\ufeffc\\xad'],
    ['tags', '\u{e0041}', '\\u{e0041}'],
    ['halves of characters', '\ud83d and \ude00', '\\ud83d and \\ude00'],
    ['the mark for bytes that are no UTF-8', Buffer.from([0xff, 0x61]).toString(), '\ufffda'],
    ['all else', 'Grüße, 24 MHz, 41.5 °C, 时钟, 😀', 'Grüße, 24 MHz, 41.5 °C, 时钟, 😀'],
  ])('shows %s', (_, text, shown) => expect(printable(text)).toBe(shown))

  it('cuts long texts, and adds the length', () => {
    expect(printable('x'.repeat(9000))).toBe(`${'x'.repeat(8192)}… (9000 characters)`)
    expect(printableCell('\x1b'.repeat(2000))).toBe(`${'\\x1b'.repeat(1000)}… (2000 characters)`)
    // Not between the halves of a character.
    expect(printable('a😀b', 2)).toBe('a… (4 characters)')
  })

  it('handles a text of any size in no time', () => {
    const text = '\x1b'.repeat(1 << 24)
    const began = performance.now()
    expect(printable(text).length).toBeLessThan(50_000)
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('keeps the lines of a text, up to a limit', () => {
    expect(printableLines('a\x1b\nb\tc')).toBe('a\\x1b\nb\\tc')
    expect(printableLines('a\n'.repeat(1000)).split('\n')).toHaveLength(401)
  })

  it('does not change the value of JSON', () => {
    const value = { 'k\x9b': ['\x1b\u202e\u{e0041}\ud83d', 'Grüße\n'] }
    expect(JSON.parse(printableJson(value, 2))).toEqual(value)
    expect(printableJson(value)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u)
    expect(escapedJson('{"a":"\x7f"}\n')).toBe('{"a":"\\u007f"}\n')
  })
})

describe('errors', () => {
  it('have one line, whatever names they contain', () => {
    for (const error of [
      new OperatorError('no file \x1b[2J\n'),
      new RequestError('NOT_FOUND', 'no file \x1b[2J\n'),
      new ConfigError([], 'no file \x1b[2J\n'),
    ]) {
      expect(error.message).toBe('no file \\x1b[2J\\n')
    }
    expect(new OperatorError('x'.repeat(1e6)).message.length).toBeLessThan(10_000)
  })
})

it('a report of the lab has names as text: no markup, no control characters', () => {
  const text = '</script><b>\x1b[2J\x9b\u202e"'
  const run = { kernels: [], results: [], versions: { [text]: text }, began: text, command: text, ms: 0 }
  const html = htmlText(run as unknown as Parameters<typeof htmlText>[0])
  expect(html).not.toMatch(/<b>|<\/script>/)
  expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(html).toContain('&lt;/script&gt;&lt;b&gt;\\x9b\\u202e&quot;')
})
