/**
 * A stop waited for the answers to the gateway's own questions, about callers and tokens, after their requests had been
 * cut off at the deadline or their clients had gone. Where a service was slower than two seconds with it, the process was
 * killed for that: exit code 1, and what the control thread writes last was lost.
 */
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { startGateway } from '../e2e/gateway.ts'

let asked = (): void => {}
const question = new Promise<void>((resolve) => (asked = resolve))
/** Takes the question and answers nothing. */
const silent = net.createServer((socket) => void socket.on('error', () => {}).on('data', () => asked()))
t.teardown(() => silent.close())
silent.listen(0, '127.0.0.1')
await once(silent, 'listening')
const url = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`

t.test('a stop does not wait for a question whose request is over', async (t) => {
  const gateway = await startGateway(
    t,
    `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services: [ { name: s, url: "${url}", policies: { auth: public, external: { url: "${url}/check", timeout: 30s } }, routes: [ { name: r, match: { paths: ["/"] } } ] } ]
`,
    { workers: 1, env: { GATEHOUSE_DRAIN_DEADLINE: '200ms' } }
  )
  const client = net.connect(gateway.port, '127.0.0.1').on('error', () => {})
  let answer = ''
  client.on('data', (data) => (answer += data.toString('latin1')))
  client.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
  await question
  t.equal(await gateway.stop(), 0)
  t.match(gateway.stderr, /"message":"stopped"/)
  t.match(answer, /^HTTP\/1\.1 503 /)
})
