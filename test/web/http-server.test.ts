import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { Clients } from '../../src/access/http/clients.js'
import { listenHttp } from '../../src/access/http/http-server.js'
import { parseListenAddress } from '../../src/access/http/listen-address.js'

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A server that answers `ok`, and the number of requests that HTTP made objects for. */
async function listen(): Promise<{ server: Server; parsed: () => number }> {
  const clients = new Clients(pino({ level: 'silent' }))
  const server = await listenHttp({
    address: parseListenAddress('--http', '0'),
    door: 'http',
    connectionsMax: 4,
    clients,
    onRequest: (_request, response) => void response.end('ok'),
  })
  let parsed = 0
  server.on('request', () => parsed++)
  onTestFinished(() => {
    clients.close()
    server.close()
    server.closeAllConnections()
  })
  return { server, parsed: () => parsed }
}

function dial(server: Server): Socket {
  return connect((server.address() as AddressInfo).port).on('error', () => {})
}

it('a connection that pipelines thousands of requests is ended before most of them are parsed', async () => {
  const { server, parsed } = await listen()
  const socket = dial(server)
  socket.write(REQUEST.repeat(5000))
  await new Promise(resolve => socket.resume().once('close', resolve))
  expect(parsed()).toBeLessThan(10)
})

it('one that waits for each response keeps its connection', async () => {
  const { server, parsed } = await listen()
  const socket = dial(server)
  for (let i = 1; i <= 20; i++) {
    socket.write(REQUEST)
    const [text] = await once(socket, 'data')
    expect(String(text)).toContain('200 OK')
    expect(parsed()).toBe(i)
  }
})

it('a request to upgrade is answered as any other by a server that upgrades nothing, and keeps no place', async () => {
  const { server } = await listen()
  for (let i = 0; i < 8; i++) {
    const socket = dial(server)
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    expect(String(await once(socket, 'data'))).toContain('200 OK')
  }
})

it('a request may have a body with what looks like more requests, of which none is parsed', async () => {
  const { server, parsed } = await listen()
  const socket = dial(server)
  // With the request's own, four ends of headers: the limit of one read.
  const body = REQUEST.repeat(3)
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  expect(String(await once(socket, 'data'))).toContain('200 OK')
  expect(parsed()).toBe(1)
})
