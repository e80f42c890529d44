/** An overloaded gateway sheds by worth, says so, always answers `ready` and its owner, and comes back by itself. */
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { ask } from '../client.ts'
import { control, metric } from '../control.ts'
import { status } from '../control-socket.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { seconds, sha256, signer, token } from '../tokens.ts'
import { eventually } from '../visitors.ts'

const FAULTS = fileURLToPath(new URL('../process/faults.ts', import.meta.url))
const ec = signer('ES256', 'e1')
const CONFIGURATION = `version: 1
listen: [ { address: "127.0.0.1:0", ready: /-/ready } ]
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api] } ]
consumers: [ { name: acme, keys: [ { id: acme-1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:1
    policies: { auth: { jwt: { issuers: [corp] }, key: true } }
    routes:
      - { name: open, match: { paths: [/open] }, policies: { auth: public }, respond: { status: 200, body: "x" } }
      - { name: any, match: { paths: ["/*"] }, respond: { status: 200, body: "x" } }
`
const start = (env: Record<string, string>): Promise<Gateway> =>
  startGateway(t, CONFIGURATION, {
    workers: 1,
    env,
    preload: [FAULTS],
    files: { 'keys.json': JSON.stringify({ keys: [ec.jwk] }) }
  })
// They only wait, so they wait together.
const [full, late] = await Promise.all([
  start({ GATEHOUSE_MEMORY_LIMIT: '1mb', GATEHOUSE_OVERLOAD_LAG: '10s' }),
  start({ GATEHOUSE_OVERLOAD_LAG: '150ms' })
])
t.jobs = 2

const KEY = { 'x-api-key': 'acme-key' }
const fresh = (): Record<string, string> => ({
  authorization: `Bearer ${token(ec, { iss: 'https://idp.example', aud: 'api', sub: String(Math.random()), exp: seconds() + 600 })}`
})
const get = async ({ port }: Gateway, path: string, headers: Record<string, string> = {}): Promise<number> =>
  (await ask(port, path, { headers })).status

async function until(t: Test, what: string, condition: () => Promise<boolean>): Promise<void> {
  t.ok(await eventually(condition, what), what)
}

t.test(
  'too much memory: strangers and newcomers are turned away, known callers never',
  { buffered: true },
  async (t) => {
    await full.said(/worker 0 is overloaded and turns away requests without a credential/)
    await until(t, 'a stranger is 503', async () => (await get(full, '/open')) === 503)
    const answer = await ask(full.port, '/open')
    if (answer.status === 503) t.match(answer.headers['retry-after'], /^[1-5]$/)
    await full.said(/worker 0 is overloaded and turns away credentials that it does not know/)
    await until(t, 'a newcomer is 503', async () => (await get(full, '/x', fresh())) === 503)
    for (let i = 0; i < 20; i++) t.equal(await get(full, '/x', KEY), 200)
    t.equal(await get(full, '/-/ready'), 200)
    t.equal((await control(full, '/ready')).status, 200)
    t.equal((await status(full.dir)).workers[0]?.shedding, 'newcomers')
    t.equal(await metric(full, 'gatehouse_shedding_level'), 2)
    t.ok((await metric(full, 'gatehouse_shed_strangers_total')) > 0)
    t.ok((await metric(full, 'gatehouse_shed_newcomers_total')) > 0)
    t.equal(await metric(full, 'gatehouse_shed_callers_total'), 0)
    t.match(full.stderr, /"cause":"\d+ % of the memory is taken"/)
    const line = await full.line(({ policy }) => policy === 'admission')
    t.match(line, { status: 503, policy: 'admission', decision: 'error' })
  }
)

t.test(
  'an event loop that is late: it sheds, answers `ready`, and takes everybody again',
  { buffered: true },
  async (t) => {
    let over = false
    const busy = (async () => {
      while (!over) await get(late, '/x', { ...KEY, 'x-fault': 'loop:500' }).catch(() => {})
    })()
    await late.said(/worker 0 is overloaded and turns away requests without a credential/)
    t.equal(await get(late, '/-/ready'), 200)
    over = true
    await busy
    await late.said(/worker 0 takes every request again/)
    t.match(late.stderr, /the event loop is \d+ ms late/)
    t.equal((await status(late.dir)).workers[0]?.shedding, 'nobody')
    for (let i = 0; i < 10; i++) t.equal(await get(late, '/open'), 200)
  }
)
