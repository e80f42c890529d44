/** A client on a bad line is slow and no attacker: its upload passes, however slow, as long as the route has time for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../e2e/connection.ts'
import { startGateway } from '../e2e/gateway.ts'
import { startUpstream } from '../e2e/upstream.ts'
import { proof, type Finding } from './proof.ts'

await proof('uploads of 10 KB/s for 30 s, and with a gap of 14 s, pass', async (owner): Promise<Finding> => {
  const service = await startUpstream(owner, (request, response) => {
    let bytes = 0
    request.on('data', (part: Buffer) => (bytes += part.length)).on('end', () => response.end(String(bytes)))
  })
  const gateway = await startGateway(
    owner,
    `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: main
    url: ${service.url}
    policies: { auth: public, timeouts: { request: 2m } }
    routes: [ { name: any, match: { paths: ["/*"] } } ]
`
  )
  /** Sends `pieces` of 5,000 bytes, `pause` ms apart, and gives back what the service counted. */
  const upload = async (framing: 'length' | 'chunked', pieces: number, pause: number): Promise<boolean> => {
    const connection = await connect(gateway.port)
    const size = pieces * 5_000
    const field = framing === 'length' ? `Content-Length: ${size}` : 'Transfer-Encoding: chunked'
    connection.send(`POST / HTTP/1.1\r\nHost: a.test\r\n${field}\r\n\r\n`)
    const piece = 's'.repeat(5_000)
    for (let i = 0; i < pieces; i++) {
      connection.send(framing === 'length' ? piece : `1388\r\n${piece}\r\n`)
      if (i < pieces - 1) await sleep(pause)
    }
    if (framing === 'chunked') connection.send('0\r\n\r\n')
    const answer = await connection.response('POST', 10_000)
    connection.close()
    return answer.status === 200 && answer.body === String(size)
  }
  const began = performance.now()
  const results = await Promise.all([
    upload('length', 60, 500),
    upload('chunked', 60, 500),
    upload('length', 2, 14_000),
    upload('chunked', 2, 14_000)
  ])
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const passed = results.filter(Boolean).length
  return { holds: passed === results.length, figure: `${passed} of ${results.length} in ${seconds} s` }
})

await proof('a connection on which nothing is asked ends within 15 s', async (owner): Promise<Finding> => {
  const gateway = await startGateway(
    owner,
    `
version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
services:
  - name: own
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes: [ { name: hello, match: { paths: ["/"] }, respond: { status: 200, body: hello } } ]
`
  )
  const [fresh, used, dripping] = await Promise.all([
    connect(gateway.port),
    connect(gateway.port),
    connect(gateway.port)
  ])
  await used.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n').response()
  const began = performance.now()
  const drip = setInterval(() => dripping.send('X'), 1_000)
  dripping.send('GET / HTTP/1.1\r\nHost: a.test\r\nX-A: ')
  const times = await Promise.all(
    [fresh, used, dripping].map(async (connection) => {
      await connection.ended(20_000)
      return connection.closed ? (performance.now() - began) / 1000 : Infinity
    })
  )
  clearInterval(drip)
  for (const connection of [fresh, used, dripping]) connection.close()
  const [a = 0, b = 0, c = 0] = times
  return {
    holds: times.every((seconds) => seconds < 15),
    figure: `fresh ${a.toFixed(1)} s, after an answer ${b.toFixed(1)} s, a head dripping in ${c.toFixed(1)} s`
  }
})
