/** A token costs one verification per worker, its verdict holds no longer than the token, and floods wait their turn. */
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { ask } from '../client.ts'
import { metric } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { PATIENCE } from '../patience.ts'
import { seconds, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const WORKERS = 2
const ec = signer('ES256', 'e1')
const rsa = signer('RS256', 'r1')
const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
issuers: [ { name: corp, issuer: "https://idp.example", jwks: keys.json, audiences: [api], clockSkew: 0s } ]
services:
  - name: s
    url: ${upstream.url}
    policies: { auth: { jwt: { issuers: [corp] } } }
    routes: [ { name: r, match: { paths: ["/*"] } } ]
`,
  { workers: WORKERS, files: { 'keys.json': JSON.stringify({ keys: [ec.jwk, rsa.jwk] }) } }
)
const corp = (claims: Record<string, unknown> = {}, by = ec): string =>
  token(by, { iss: 'https://idp.example', aud: 'api', sub: 'u1', exp: seconds() + 3600, ...claims })
/** Requests so far. */
let sent = 0
/** A count, once every request so far is in it. */
async function counted(name: string): Promise<number> {
  await gateway.recorded(sent)
  return metric(gateway, name)
}
const verifications = (): Promise<number> => counted('gatehouse_token_verifications_total')
const get = (text: string, agent?: Agent): Promise<number> => {
  sent++
  return ask(gateway.port, '/x', { headers: { authorization: `Bearer ${text}` }, ...(agent ? { agent } : {}) }).then(
    ({ status }) => status
  )
}

/** Opens the connections first, then writes one request of each at once. */
async function atOnce(tokens: readonly string[]): Promise<{ status: number; retryAfter: boolean }[]> {
  const sockets = await Promise.all(
    tokens.map(async () => {
      const socket = connect(gateway.port, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    })
  )
  const answers = sockets.map((socket) => answerOf(socket))
  sent += tokens.length
  sockets.forEach((socket, i) =>
    socket.write(`GET /at-once HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${tokens[i]}\r\nconnection: close\r\n\r\n`)
  )
  return Promise.all(answers)
}

async function answerOf(socket: Socket): Promise<{ status: number; retryAfter: boolean }> {
  let text = ''
  socket.on('data', (data) => (text += data.toString('latin1')))
  await once(socket, 'close')
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    retryAfter: /\r\nretry-after: \d+\r\n/i.test(text)
  }
}

t.test('200 requests at once with one new token: one verification for each worker that saw it', async (t) => {
  for (const by of [ec, rsa]) {
    const before = await verifications()
    const text = corp({ jti: `at-once-${by.alg}` }, by)
    const answers = await atOnce(Array.from({ length: 200 }, () => text))
    t.strictSame([...new Set(answers.map(({ status }) => status))], [200])
    const cost = (await verifications()) - before
    t.equal(cost, WORKERS, `${by.alg}: ${cost} verifications`)
  }
})

t.test('a token verified once is not verified again by that worker', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const text = corp({ jti: 'again' })
  const before = await verifications()
  const hits = await counted('gatehouse_verify_cache_hits_total')
  for (let i = 0; i < 50; i++) t.equal(await get(text, agent), 200)
  t.equal(await verifications(), before + 1)
  t.equal(await counted('gatehouse_verify_cache_hits_total'), hits + 49)
})

t.test('other spellings of a token that was verified are refused, and cost no verification', async (t) => {
  const text = corp({ jti: 'spellings' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal(await get(text, agent), 200)
  const before = await verifications()
  const bytes = Buffer.from(text.split('.')[2] ?? '', 'base64url')
  const last = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    .map((letter) => text.slice(0, -1) + letter)
    .filter((other) => other !== text && Buffer.from(other.split('.')[2] ?? '', 'base64url').equals(bytes))
  t.equal(last.length, 15)
  for (const other of [
    ...last,
    `${text}=`,
    `${text}==`,
    `${text.slice(0, -4)} ${text.slice(-4)}`,
    `${text}.`,
    `.${text}`
  ]) {
    t.equal(await get(other, agent), 401)
  }
  t.equal(await verifications(), before)
  t.equal(await get(text, agent), 200, 'the token itself is still good')
})

t.test('its expiry is seen at the next request, cached or not', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const exp = seconds() + 3
  const text = corp({ exp, jti: 'expires' })
  const before = await verifications()
  let last = 200
  let beforeExpiry = 0
  while (last === 200 && Date.now() < exp * 1000 + PATIENCE) {
    const sentAt = Date.now()
    last = await get(text, agent)
    if (last === 200) t.ok(sentAt < exp * 1000, 'no 200 after its time')
    else t.ok(Date.now() >= exp * 1000, 'and no 401 before')
    beforeExpiry++
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  t.equal(last, 401)
  t.ok(beforeExpiry > 1)
  t.equal(await get(text, agent), 401)
  t.equal(await verifications(), before + 1, 'an expired one is never verified again')
  const line = await gateway.line(({ status, reason }) => status === 401 && /expired/.test(String(reason)))
  t.match(line, { policy: 'auth', problem: 'bad-credential' })
})

t.test('a token that becomes valid is taken from then on', async (t) => {
  const nbf = seconds() + 3
  const text = corp({ nbf, jti: 'becomes' })
  t.equal(await get(text), 401)
  await new Promise((resolve) => setTimeout(resolve, nbf * 1000 - Date.now() + 60))
  t.equal(await get(text), 200)
})

t.test('a flood of new tokens from one address: 200 or 503 with Retry-After, counted, and over at once', async (t) => {
  const refusedBefore = await counted('gatehouse_verify_queue_refusals_total')
  const tokens = Array.from({ length: 150 }, (_, i) => corp({ jti: `flood-${i}` }))
  const answers = await atOnce(tokens)
  for (const { status, retryAfter } of answers) {
    t.ok(status === 200 || (status === 503 && retryAfter), `${status}`)
  }
  const refused = answers.filter(({ status }) => status === 503).length
  t.equal((await counted('gatehouse_verify_queue_refusals_total')) - refusedBefore, refused)
  for (const text of tokens.slice(0, 10)) t.equal(await get(text), 200)
})

t.test('thousands of forged tokens leave the good one what it was', async (t) => {
  const text = corp({ jti: 'survives' })
  t.equal(await get(text), 200)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(() => agent.destroy())
  const forged = Array.from({ length: 400 }, (_, i) => `${corp({ jti: `f${i}` }).slice(0, -6)}AAAAAA`)
  const answers = await Promise.all(forged.map((other) => get(other, agent)))
  t.ok(answers.every((status) => status === 401 || status === 503))
  t.equal(await get(text), 200)
  t.equal(await metric(gateway, 'gatehouse_stage_exceptions_total'), 0)
  t.equal(gateway.child.exitCode, null)
})
