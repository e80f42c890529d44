/** User names and passwords: who is let in, what the service is told, what a flood of them comes to. */
import t from 'tap'
import { hashPassword } from '../../../src/identity/password.ts'
import { ask, type Reply } from '../client.ts'
import { startGateway } from '../gateway.ts'
import { sha256 } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'

const PASSWORD = 'correct horse battery'
// As cheap as is taken: what costs here is not what is tested.
const hash = (password: string): string => hashPassword(password, { ln: 14, r: 8, p: 1 })

const upstream = await startUpstream(t)
const gateway = await startGateway(
  t,
  `version: 1
listen: [ { address: "127.0.0.1:0" } ]
state: { dir: var }
consumers:
  - { name: acme-inc, groups: [partners], scopes: [read], basic: [ { username: acme, hash: "${hash(PASSWORD)}" } ], keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ] }
  - { name: other, basic: [ { username: other, hash: "${hash('other password')}" } ] }
  - { name: guest }
services:
  - name: s
    url: ${upstream.url}
    routes:
      - { name: basic, match: { paths: [/basic] }, policies: { auth: { basic: true } } }
      - { name: either, match: { paths: [/either] }, policies: { auth: { basic: true, key: true, anonymous: guest } } }
      - { name: both, match: { paths: [/both] }, policies: { auth: { basic: true, key: true, require: all } } }
      - { name: forward, match: { paths: [/forward] }, policies: { auth: { basic: true }, identity: { credentials: forward } } }
      - { name: key, match: { paths: [/key] }, policies: { auth: { key: true } } }
`,
  { workers: 1, env: { GATEHOUSE_VERIFY_PER_CLIENT: '2' } }
)

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const get = (path: string, authorization?: string, key?: string): Promise<Reply> =>
  ask(gateway.port, path, {
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(key === undefined ? {} : { 'x-api-key': key })
    }
  })
async function told(path: string, authorization?: string, key?: string): Promise<string> {
  const reply = await get(path, authorization, key)
  if (reply.status !== 200) return String(reply.status)
  const { headers } = JSON.parse(reply.body) as { headers: Record<string, string> }
  const { authorization: forwarded } = headers
  return [headers['x-consumer'], headers['x-auth-method'], headers['x-credential'], forwarded].filter(Boolean).join(' ')
}

t.test('a password names its consumer, and does not go on to the service', async (t) => {
  for (let i = 0; i < 3; i++) t.equal(await told('/basic', basic('acme', PASSWORD)), 'acme-inc basic acme')
  t.equal(await told('/basic', basic('other', 'other password')), 'other basic other')
  const sent = basic('acme', PASSWORD)
  t.equal(await told('/forward', sent), `acme-inc basic acme ${sent}`)
})

t.test('a wrong password, an unknown user, an unreadable credential, none: the same answer', async (t) => {
  const answers = [
    await get('/basic', basic('acme', 'wrong password')),
    await get('/basic', basic('nobody', PASSWORD)),
    await get('/basic', basic('acme-inc', PASSWORD)),
    await get('/basic', 'Basic ?'),
    await get('/basic', 'Bearer x'),
    await get('/basic')
  ]
  for (const { status, headers, body } of answers) {
    t.equal(status, 401)
    t.equal(headers['www-authenticate'], 'Basic realm="api", charset="UTF-8"')
    t.strictSame(
      { ...JSON.parse(body), instance: '' },
      { type: 'about:blank', title: 'Unauthorized', status: 401, instance: '' }
    )
  }
  t.notMatch(gateway.stdout + gateway.stderr, /wrong password|correct horse/)
})

t.test('beside a key', async (t) => {
  const good = basic('acme', PASSWORD)
  t.equal(await told('/either', good, 'acme-key'), 'acme-inc key k1')
  t.equal(await told('/either', good, 'wrong'), '401')
  t.equal(await told('/either', basic('acme', 'wrong password'), 'acme-key'), '401')
  t.equal(await told('/either', basic('other', 'other password'), 'acme-key'), '401', 'two consumers')
  t.equal(await told('/either'), 'guest anonymous')
  t.equal(await told('/either', basic('nobody', PASSWORD)), '401')
  t.equal(await told('/both', good, 'acme-key'), 'acme-inc key k1')
  t.equal(await told('/both', good), '401')
  t.equal(await told('/both', undefined, 'acme-key'), '401')
  t.match(await told('/key', basic('nobody', 'x'), 'acme-key'), /^acme-inc key k1/, 'not listed, not looked at')
})

t.test('while passwords are checked, others are served', async (t) => {
  const slow = Array.from({ length: 2 }, (_, i) => get('/basic', basic('nobody', `guess number ${i}`)))
  t.match(await told('/key', undefined, 'acme-key'), /^acme-inc key/)
  const ids: unknown[] = []
  for (const { status, headers } of await Promise.all(slow)) {
    t.equal(status, 401)
    ids.push(headers['x-request-id'])
  }
  // One worker records in the order in which it answers.
  for (const each of ids) await gateway.line(({ id }) => id === each)
  const lines = gateway.lines()
  const last = lines.findLastIndex(({ id }) => ids.includes(id))
  const key = lines.findLastIndex(({ path }) => path === '/key')
  t.ok(key < last, 'the key was answered before the passwords')
})

t.test('more at once than one client may have waiting: 503, and to be tried again', async (t) => {
  const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => get('/basic', basic('acme', `flood ${i}`))))
  const refused = replies.filter(({ status }) => status === 401)
  const waiting = replies.filter(({ status }) => status === 503)
  t.ok(refused.length >= 2 && waiting.length > 0, `${refused.length} refused, ${waiting.length} turned away`)
  t.equal(refused.length + waiting.length, replies.length)
  t.equal(waiting[0]?.headers['retry-after'], '1')
})
