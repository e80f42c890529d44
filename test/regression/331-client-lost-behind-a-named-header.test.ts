/**
 * Behind a proxy that names the client by `forwarded` or a header of its own, services were told the proxy's address
 * alone, or an X-Forwarded-For that the client had made up.
 */
import t from 'tap'
import { Permit } from '../../src/pipeline/authorize.ts'
import { upstreamRequest } from '../../src/pipeline/messages.ts'
import { allHeaders } from '../../src/upstream/transport.ts'
import { pipeline } from '../pipeline/kit.ts'

const FROM = ['x-forwarded-for', 'forwarded', 'header:x-client', 'connection']

t.test('X-Forwarded-For says who the listener found the client to be', async (t) => {
  const listeners = FROM.map(
    (from, i) =>
      `  - { name: l${i}, address: "127.0.0.1:0", client: { addressFrom: "${from}", trustedProxies: ["10.0.0.0/8"] } }`
  )
  const stages = await pipeline(
    t,
    `version: 1
listen:
${listeners.join('\n')}
services:
  - { name: s, url: "http://10.0.0.9", routes: [ { name: r, match: { paths: [/r] }, policies: { auth: public } } ] }
`
  )
  const told = async (from: string, headers: Record<string, string>): Promise<string | undefined> => {
    const { x, outcome } = await stages.decide({
      target: '/r',
      listener: FROM.indexOf(from),
      peer: '10.1.1.1',
      headers
    })
    if (!(outcome instanceof Permit)) throw new Error(JSON.stringify(outcome))
    const fields = allHeaders(upstreamRequest(outcome, x))
    return fields[fields.indexOf('x-forwarded-for') + 1]
  }
  const forged = { 'x-forwarded-for': '198.51.100.66' }
  t.equal(await told('forwarded', { forwarded: 'for=203.0.113.7;proto=https', ...forged }), '203.0.113.7, 10.1.1.1')
  t.equal(await told('header:x-client', { 'x-client': '2001:db8::7', ...forged }), '2001:db8::7, 10.1.1.1')
  for (const from of ['forwarded', 'header:x-client', 'connection'])
    t.equal(await told(from, forged), '10.1.1.1', `${from}: the proxy's own request`)
  t.equal(await told('x-forwarded-for', forged), '198.51.100.66, 10.1.1.1', 'here the list is the proxy\u2019s')
})
