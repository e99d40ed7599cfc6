/** Who may open the web view, and how everybody else is refused. */
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { ask, closing, enter, openRig, openSocket, originOf, Page, refusal } from './rig.js'

const SESSIONS_MAX = 16
const PAGES_MAX = 8
const MESSAGE_MAX = 64 << 10

describe('the link', () => {
  it('opens the page once; the next link has another token, and both browsers stay', async () => {
    const { web, log } = await openRig()
    const link = new URL(web.link)
    expect(log.join('\n')).toContain(`web view: ${web.link}`)
    const first = await ask(web, `/${link.search}`)
    expect(first.status).toBe(200)
    const [cookie = ''] = first.headers['set-cookie'] ?? []
    expect(cookie).toMatch(/^scmi_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)

    expect((await ask(web, `/${link.search}`)).status).toBe(403)
    expect(web.link).not.toBe(link.href)
    expect(log.at(-1)).toBe(`web view opened; for another browser: ${web.link}`)
    const second = await enter(web)
    for (const session of [cookie.split(';', 1)[0]!, second]) {
      expect((await ask(web, '/', { headers: { Cookie: session } })).body).toContain(
        '<script type="module" src="main.js">',
      )
    }
  })

  it.each(['/?token=', `/?token=${'A'.repeat(43)}`, '/?token=%00', '/main.js?token=x'])('%s is refused', async path => {
    const { web } = await openRig()
    const { status, headers, body } = await ask(web, path)
    expect(status).toBe(403)
    expect(headers['set-cookie']).toBeUndefined()
    expect(body).toBe('Open this page with the last link that vhost-user-scmi printed; each link works once.\n')
  })

  it('is not used up by a preview, which sends HEAD', async () => {
    const { web } = await openRig()
    const { link } = web
    expect((await ask(web, `/${new URL(link).search}`, { method: 'HEAD' })).status).toBe(403)
    expect(web.link).toBe(link)
  })

  it(`with more than ${SESSIONS_MAX} browsers, the oldest needs a new link`, async () => {
    const { web } = await openRig()
    const cookies: string[] = []
    for (let i = 0; i <= SESSIONS_MAX; i++) cookies.push(await enter(web))
    const statuses = await Promise.all(
      cookies.map(async Cookie => (await ask(web, '/', { headers: { Cookie } })).status),
    )
    expect(statuses).toEqual([403, ...new Array(SESSIONS_MAX).fill(200)])
  })
})

describe('requests', () => {
  it('without a session are refused, whatever they request', async () => {
    const { web } = await openRig()
    for (const path of ['/', '/main.js', '/main.css', '/icon.svg', '/none'])
      expect((await ask(web, path)).status).toBe(403)
  })

  it.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil.example', '0', '[::2]:80'])(
    'to a Host that is not this server, %j, are refused: DNS rebinding',
    async host => {
      const { web } = await openRig()
      const headers = { Cookie: await enter(web), Host: host }
      expect((await ask(web, '/', { headers })).status).toBe(403)
      expect(await refusal(openSocket(web, { ...headers, Origin: `http://${host}` }))).toBe(403)
    },
  )

  it.each(['localhost:1', '127.0.0.1:9999', '[::1]:80', 'LOCALHOST'])(
    'to the Host %s come through: forwarded ports',
    async host => {
      const { web } = await openRig()
      expect((await ask(web, '/', { headers: { Cookie: await enter(web), Host: host } })).status).toBe(200)
    },
  )

  it.each(['http://evil.example', 'null', 'https://127.0.0.1', 'http://127.0.0.1:1'])(
    'of pages of a foreign origin, %s, are refused: they have the cookie if they are of the same host',
    async origin => {
      const { web } = await openRig()
      const headers = { Cookie: await enter(web), Origin: origin }
      expect((await ask(web, '/', { headers })).status).toBe(403)
      expect(await refusal(openSocket(web, headers))).toBe(403)
    },
  )

  it.each([
    '/../package.json',
    '/%2e%2e/%2e%2e/package.json',
    '/..%2f..%2fpackage.json',
    '/main.js/../../package.json',
    '//etc/passwd',
    'http://127.0.0.1/../main.tsx',
    '/main.js%00.css',
    '/MAIN.JS',
    '/\\..\\package.json',
  ])('for a file that does not belong to the page, %s, find nothing', async path => {
    const { web } = await openRig()
    expect((await ask(web, path, { headers: { Cookie: await enter(web) } })).status).toBe(404)
  })

  it('other than GET are refused before their body is read', async () => {
    const { web } = await openRig()
    const headers = { Cookie: await enter(web), Origin: originOf(web) }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      expect((await ask(web, '/', { method, headers })).status).toBe(405)
    }
    const body = Buffer.alloc(32 << 20)
    const outcome = ask(web, '/', { method: 'POST', headers, body }).then(
      ({ status }) => status,
      error => error.code,
    )
    expect([405, 'EPIPE', 'ECONNRESET']).toContain(await outcome)
    expect((await ask(web, '/', { headers })).status).toBe(200)
  })

  it('are answered with headers that keep other sites, and other addresses, out', async () => {
    const { web } = await openRig()
    const { headers } = await ask(web, '/', { headers: { Cookie: await enter(web) } })
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    expect(Object.keys(headers).filter(name => name.startsWith('access-control'))).toEqual([])
  })
})

describe('sockets', () => {
  it('need a session, an Origin and the right path', async () => {
    const { web } = await openRig()
    const Cookie = await enter(web)
    const Origin = originOf(web)
    expect(await refusal(openSocket(web, { Origin }))).toBe(403)
    expect(await refusal(openSocket(web, { Origin, Cookie: 'scmi_1=x' }))).toBe(403)
    expect(await refusal(openSocket(web, { Cookie }))).toBe(403)
    expect(await refusal(openSocket(web, { Origin, Cookie }, '/dead'))).toBe(404)
    await Page.open(web, Cookie)
  })

  it('that send what no page sends are closed and logged', async () => {
    const { web, log } = await openRig()
    const cookie = await enter(web)
    for (const text of ['', 'no JSON', '[]', '{"op":"show"}', '{"op":"set","id":"1","request":{}}']) {
      const { socket } = await Page.open(web, cookie)
      socket.send(text)
      expect(await closing(socket)).toEqual({ code: 1008, reason: 'not understood' })
      expect(log.at(-1)).toMatch(/^web view: /)
    }
    const { socket } = await Page.open(web, cookie)
    socket.send('x'.repeat(MESSAGE_MAX + 1))
    expect((await closing(socket)).code).toBe(1009)
  })

  it(`of more than ${PAGES_MAX} pages are told to wait, until one is closed`, async () => {
    const { web } = await openRig()
    const cookie = await enter(web)
    const pages = await Promise.all(Array.from({ length: PAGES_MAX }, () => Page.open(web, cookie)))
    const late = openSocket(web, { Origin: originOf(web), Cookie: cookie })
    expect(await closing(late)).toEqual({ code: 1013, reason: `${PAGES_MAX} pages are open; close one.` })
    const closed = closing(pages[0]!.socket)
    pages[0]!.socket.close()
    await closed
    await Page.open(web, cookie)
  })

  it('end with the server', async () => {
    const { web } = await openRig()
    const page = await Page.open(web, await enter(web))
    const closed = closing(page.socket)
    web.close()
    expect((await closed).code).toBe(1006)
  })
})

describe('connections', () => {
  it('that say nothing, or only half of a request, are closed after some seconds', async () => {
    const { web } = await openRig()
    const silent = await idle(web.address.port)
    const slow = await idle(web.address.port)
    slow.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ')
    await until(() => silent.destroyed && slow.destroyed, 'both to be closed', 15_000)
  }, 20_000)

  it('by the hundred do not disturb an open page', async () => {
    const { web, server } = await openRig()
    const page = await Page.open(web, await enter(web))
    const crowd = await Promise.all(Array.from({ length: 200 }, () => idle(web.address.port)))
    await until(() => crowd.filter(socket => socket.destroyed).length > 100, 'most to be turned away')
    server.platform.time.refresh()
    expect((await page.request('set', { address: 'clock.cpu', value: '1.2 GHz' })).error).toBeUndefined()
    await until(() => page.shown('clock.cpu.rate') === '1.2 GHz', 'the page to see it')
    for (const socket of crowd) socket.destroy()
  })
})

/** A connection that does nothing; it knows when it was closed. */
function idle(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
    socket.on('data', () => {})
  })
}
