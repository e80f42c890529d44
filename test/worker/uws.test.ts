/** What uWS tells of connections, in the binary that is pinned: other releases may do otherwise, silently. */
import { rmSync, writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { fromBinary, formatIp } from '../../src/ip.ts'
import { AcceptorApp, connectionOf, WorkerApp, type ServedCertificate } from '../../src/worker/uws.ts'
import { testCertificate } from '../e2e/certificates.ts'
import { connect, connectTls, type Connection } from '../e2e/connection.ts'

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const { ca, files } = await testCertificate('a', ['localhost'])
for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
const served = { hosts: ['localhost'], certFile: join(dir, 'a.pem'), keyFile: join(dir, 'a.key') }

interface Door {
  port: number
  events: { connection: number | null; opened: boolean; peer: string }[]
  /** Of each request, the number of the connection it came over. */
  asked: number[]
  refuse: boolean
}

function open(t: Test, certificates: ServedCertificate[] | null): Door {
  const door: Door = { port: 0, events: [], asked: [], refuse: false }
  const app = new WorkerApp(certificates, null, {
    request(res) {
      door.asked.push(connectionOf(res))
      res.end('answered')
    },
    opened(res) {
      door.events.push({
        connection: connectionOf(res),
        opened: true,
        peer: formatIp(fromBinary(res.getRemoteAddress()))
      })
      return !door.refuse
    },
    closed: (res) =>
      void door.events.push({ connection: res === null ? null : connectionOf(res), opened: false, peer: '' }),
    escaped: (error) => t.error(error)
  })
  const acceptor = new AcceptorApp(certificates !== null)
  door.port = acceptor.listen('127.0.0.1', 0) ?? 0
  acceptor.hook(app.descriptor)
  t.teardown(async () => {
    acceptor.unhook(app.descriptor)
    acceptor.close()
    app.close()
    await sleep(20)
  })
  return door
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

for (const secure of [false, true]) {
  const kind = secure ? 'TLS' : 'plain'
  const dial = (port: number): Promise<Connection> =>
    secure ? connectTls(port, { ca, servername: 'localhost' }) : connect(port)

  t.test(`${kind}: a connection has one number of its own from its opening to its close`, async (t) => {
    const door = open(t, secure ? [served] : null)
    const lines: Connection[] = []
    for (let i = 0; i < 3; i++) lines.push(await dial(door.port))
    await until(() => door.events.length === 3)
    const numbers = door.events.map(({ connection }) => connection)
    t.equal(new Set(numbers).size, 3, 'they differ')
    t.ok(numbers.every((number) => number !== null && Number.isSafeInteger(number) && number > 0))
    t.ok(door.events.every(({ peer }) => peer === '127.0.0.1'))
    for (const line of lines)
      t.equal((await line.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n').response()).status, 200)
    t.strictSame(door.asked, numbers, 'requests come under the same numbers')
    for (const at of [1, 2, 0]) {
      const before = door.events.length
      lines[at]?.close()
      await until(() => door.events.length > before)
      t.strictSame(door.events.at(-1), { connection: numbers[at], opened: false, peer: '' })
    }
  })

  t.test(`${kind}: one that is refused is closed at once, and the others go on`, async (t) => {
    const door = open(t, secure ? [served] : null)
    const kept = await dial(door.port)
    await until(() => door.events.length === 1)
    door.refuse = true
    // Refused before the handshake: over TLS nothing of the server's is ever seen.
    const refused = await connect(door.port)
    t.ok(await refused.ended())
    t.equal(refused.rest, '')
    await until(() => door.events.length === 3)
    t.strictSame(door.events[2], { connection: null, opened: false, peer: '' })
    door.refuse = false
    t.equal((await kept.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n').response()).status, 200)
    kept.close()
  })
}
