/** Revoked while the token is cached, the key is known, the stream is open: over on every worker at once. */
import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { control } from '../control.ts'
import { seconds } from '../tokens.ts'
import { eventually } from '../visitors.ts'
import { fresh, next, PASSWORD, Revoking, soon } from './revoking.ts'

const revoking = await Revoking.start(t)
const { gateway, port, upstream } = revoking

async function open(headers: Record<string, string>): Promise<{ response: http.IncomingMessage; over: Promise<void> }> {
  const request = http.get({ host: '127.0.0.1', port, path: '/stream', headers, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => {})
  await once(response, 'data')
  response.resume()
  const over = new Promise<void>((resolve) => response.on('close', resolve))
  return { response, over }
}

t.test(
  'a cached token is refused from the moment the command returns, and nothing says why to its caller',
  async (t) => {
    const alice = fresh({ jti: 'stolen' })
    t.same(await revoking.everywhere(alice), [200])
    t.same(await revoking.everywhere(alice), [200], 'cached on every worker')
    const { code, stdout } = await gatehouse(
      'revocations',
      'add',
      '--config',
      gateway.config,
      '--jti',
      'stolen',
      '--until',
      '1h',
      '--reason',
      'laptop stolen'
    )
    t.equal(code, 0)
    const id = /^revoked: (rv-[0-9a-f]{12}) {2}jti stolen, until .*Z, "laptop stolen" {2}\(control socket\)$/m.exec(
      stdout
    )?.[1]
    const returned = performance.now()
    const replies = await revoking.all(alice)
    const took = performance.now() - returned
    t.same([...new Set(replies.map(({ status }) => status))], [401], `${took.toFixed(1)} ms after the command returned`)
    const bad = await ask(port, '/x', { headers: { authorization: 'Bearer a.b.c' } })
    const generic = (body: string): string => body.replace(/"instance":"[^"]*"/, '')
    t.equal(generic(replies[0]?.body ?? ''), generic(bad.body), 'as for any credential that does not hold')
    t.equal(replies[0]?.challenge, bad.headers['www-authenticate'])
    const instance = (JSON.parse(replies[0]?.body ?? '') as { instance: string }).instance
    t.match(await gateway.line((line) => line['id'] === instance), {
      status: 401,
      policy: 'revocation',
      rule: id,
      where: 'control socket',
      subject: 'alice',
      reason: `revoked by ${id}: laptop stolen`
    })
    t.same(await revoking.everywhere(fresh()), [200], 'her other tokens hold')

    t.match(await gatehouse('revocations', 'list', gateway.config), {
      code: 0,
      stdout: new RegExp(`^${id} {2}jti stolen`)
    })
    const removed = await gatehouse('revocations', 'remove', String(id), '--config', gateway.config, '--json')
    t.equal(removed.code, 0)
    t.match(JSON.parse(removed.stdout), { revocation: { id, jti: 'stolen' }, kept: true })
    t.same(await revoking.everywhere(alice), [200], 'taken back')
    t.equal((await gatehouse('revocations', 'remove', String(id), '--config', gateway.config)).code, 1)
  }
)

t.test('by subject, consumer, key, time of issue, and all of it at once', async (t) => {
  const old = fresh({ iat: seconds() - 100 })
  const undated = fresh({ iat: undefined })
  const acme = fresh({ azp: 'app-1', sub: 'robot' })
  const second = fresh({}, next)
  const bob = fresh({ sub: 'bob' })
  const apiKey = { 'x-api-key': 'acme-key' }
  const otherKey = { 'x-api-key': 'other-key' }
  const basic = { authorization: `Basic ${Buffer.from(`other:${PASSWORD}`).toString('base64')}` }
  const all = { old, undated, acme, second, bob, apiKey, otherKey, basic, guest: {} }
  const paths: Record<string, string> = { basic: '/basic', guest: '/open' }
  const refused = async (): Promise<string[]> => {
    const found: string[] = []
    for (const [name, headers] of Object.entries(all)) {
      const seen = await revoking.everywhere(headers, paths[name])
      if (seen.length === 1 && seen[0] === 401) found.push(name)
      else t.same(seen, [200], name)
    }
    return found
  }
  t.same(await refused(), [])
  const before = new Date((seconds() - 50) * 1000).toISOString()
  for (const [fields, whom] of [
    [{ subject: 'alice' }, ['old', 'undated', 'second']],
    [{ subject: 'alice', issuer: 'corp' }, ['old', 'undated', 'second']],
    [{ subject: 'alice', issuedBefore: before }, ['old', 'undated']],
    [{ consumer: 'acme' }, ['acme', 'apiKey']],
    [{ consumer: 'other' }, ['otherKey', 'basic']],
    [{ consumer: 'guest' }, ['guest']],
    [{ kid: 'e2' }, ['second']],
    [{ kid: 'e2', subject: 'bob' }, []],
    [{ issuedBefore: before }, ['old', 'undated']],
    [{ issuedBefore: soon() }, ['old', 'undated', 'acme', 'second', 'bob']]
  ] as const) {
    const made = await revoking.revoke(fields)
    t.same(await refused(), whom, JSON.stringify(fields))
    t.equal(await revoking.restore(made), 200)
  }
  t.same(await refused(), [])
})

t.test('what a revoked caller has open is cut; others stay', async (t) => {
  const streams = await Promise.all(Array.from({ length: 4 }, () => open(fresh({ sub: 'carol' }))))
  const byKey = await open({ 'x-api-key': 'acme-key' })
  const others = await open(fresh({ sub: 'dave' }))
  const upload = http.request({
    host: '127.0.0.1',
    port,
    path: '/x',
    method: 'POST',
    agent: false,
    headers: fresh({ sub: 'carol' })
  })
  const answered = once(upload, 'response') as Promise<[http.IncomingMessage]>
  upload.on('error', () => {})
  upload.write('begun')
  await eventually(() => upstream.seen.some(({ method }) => method === 'POST'), 'the upload is under way')
  const made = [await revoking.revoke({ subject: 'carol' }), await revoking.revoke({ consumer: 'acme' })]
  await Promise.all([...streams, byKey].map(({ over }) => over))
  const [answer] = await answered
  t.equal(answer.statusCode, 401, 'an answer that has not begun is the refusal')
  t.notOk(others.response.destroyed, 'another subject goes on')
  await once(others.response, 'data')
  others.response.destroy()
  for (const { id } of made)
    t.match(await gateway.line((line) => line['rule'] === id && line['path'] === '/stream'), {
      status: 200,
      policy: 'revocation'
    })
  for (const one of made) await revoking.restore(one)
})

t.test('one whose time is over says nothing any more', async (t) => {
  const erin = fresh({ sub: 'erin' })
  const until = new Date(Date.now() + 3_000)
  await revoking.revoke({ subject: 'erin', until: until.toISOString() })
  const seen = await revoking.everywhere(erin)
  if (Date.now() < until.getTime()) t.same(seen, [401])
  await eventually(async () => (await ask(port, '/x', { headers: erin })).status === 200, 'it passes again')
  t.ok(Date.now() >= until.getTime())
  t.same(await revoking.everywhere(erin), [200])
})

t.test('where auth is in shadow a revoked caller passes, as nobody', async (t) => {
  const frank = fresh({ sub: 'frank' })
  const made = await revoking.revoke({ subject: 'frank' })
  const { status, body } = await ask(port, '/watched', { headers: frank })
  t.equal(status, 200)
  t.notOk('x-subject' in (JSON.parse(body) as { headers: object }).headers)
  t.match(await gateway.line((line) => line['path'] === '/watched'), { shadow: made.id })
  await revoking.restore(made)
})

t.test('calls that say nothing sensible change nothing', async (t) => {
  const post = (body: string): Promise<{ status: number; body: string }> =>
    control(gateway, '/revocations', 'POST', body)
  const until = soon()
  for (const [body, status, why] of [
    ['', 422, /expected a JSON object/],
    ['{', 400, /JSON/],
    ['[]', 422, /expected a JSON object/],
    ['null', 422, /expected a JSON object/],
    ['"all"', 422, /expected a JSON object/],
    ['{}', 422, /Name at least one of jti/],
    [JSON.stringify({ until }), 422, /Name at least one/],
    [JSON.stringify({ issuer: 'corp', until }), 422, /Name at least one/],
    [JSON.stringify({ jti: 'a' }), 422, /until.* is missing/],
    [JSON.stringify({ jti: 'a', until: '2001-01-01' }), 422, /is over already/],
    [JSON.stringify({ jti: 'a', until: 'tomorrow' }), 422, /until: expected a date/],
    [JSON.stringify({ jti: 'a', until: 4102444800 }), 422, /until: expected a text/],
    [JSON.stringify({ jti: 7, until }), 422, /jti: expected a text/],
    [JSON.stringify({ jti: '', until }), 422, /jti: expected a text/],
    [JSON.stringify({ jti: 'a\nb', until }), 422, /jti: has control characters/],
    [JSON.stringify({ jti: 'a'.repeat(513), until }), 422, /jti: longer than 512 characters/],
    [JSON.stringify({ consumer: 'acne', until }), 422, /no consumer is named .*acne.*; did you mean .*acme/],
    [JSON.stringify({ issuer: 'crop', subject: 'a', until }), 422, /no issuer is named .*; did you mean .*corp/],
    [JSON.stringify({ consumers: 'acme', until }), 422, /unknown key .*consumers.*; did you mean .*consumer/],
    [JSON.stringify({ jti: 'a', until, ['__proto__x']: 1 }), 422, /unknown key/],
    [JSON.stringify({ jti: 'a', until, reason: 'x'.repeat(40_000) }), 413, /bytes at most/]
  ] as const) {
    const answer = await post(body)
    t.equal(answer.status, status, `${body.slice(0, 60)}: ${answer.body}`)
    t.match(answer.body, why)
  }
  t.equal((await control(gateway, '/revocations/rv-000000000000', 'DELETE')).status, 404)
  t.equal((await control(gateway, '/revocations', 'DELETE')).status, 405)
  t.equal((await control(gateway, '/revocations', 'PUT')).status, 405)
  t.same(JSON.parse((await control(gateway, '/revocations')).body), { revocations: [] })
  t.equal((await gatehouse('revocations', 'add', '--jti', 'a', '--config', gateway.config)).code, 2, 'no end')
  t.match(await gatehouse('revocations', 'add', '--consumer', 'acne', '--until', '1h', '--config', gateway.config), {
    code: 2,
    stderr: /no consumer is named "acne"; did you mean "acme"\?/
  })
})
