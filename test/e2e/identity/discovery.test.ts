/** An issuer of which only the name is configured: its keys are found through its discovery document, or they are not. */
import t from 'tap'
import { control, sample } from '../control.ts'
import { startGateway } from '../gateway.ts'
import { seconds, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { agent, configured, status, until } from './named-issuers.ts'
import { startProvider } from './openid-provider.ts'

const METADATA = '/.well-known/openid-configuration'
const [first, second] = [signer('ES256', 'k1'), signer('ES256', 'k2')]
const upstream = await startUpstream(t)
t.teardown(() => agent.destroy())

t.test('keys are found by name: at the root of a host, below a path, and as RFC 8414 has it', async (t) => {
  const root = await startProvider(t, [first])
  const below = await startProvider(t, [second], '/tenant/a')
  const oauth = await startProvider(t, [second], '/tenant')
  oauth.instead.set(`/tenant${METADATA}`, (_, response) => void response.writeHead(404).end())
  oauth.instead.set('/.well-known/oauth-authorization-server/tenant', (_, response) => {
    response.end(JSON.stringify({ issuer: oauth.issuer, jwks_uri: `${oauth.issuer}/jwks` }))
  })
  const gateway = await startGateway(t, configured('var', upstream.url, root, below, oauth), { workers: 2 })
  for (const provider of [root, below, oauth]) {
    t.equal(await status(gateway, await provider.token()), 200, provider.issuer)
    t.strictSame([provider.count(METADATA), provider.count('/jwks')], [1, 1], 'once each, for both workers')
  }
  t.equal(await status(gateway, await root.token('jwt', 'orders:write')), 403, 'by the scope that it granted')
  // The signature of one under the name of the other.
  const claims = { iss: root.issuer, aud: 'api', sub: 'x', exp: seconds() + 60, scope: 'orders:read' }
  t.equal(await status(gateway, token({ ...second, kid: 'k1' }, claims)), 401)
})

t.test('discovery documents that are none', async (t) => {
  const garbage: [string, (issuer: string) => object | string, RegExp][] = [
    ['no JSON', () => '<html>maintenance</html>', /is not JSON/],
    ['a member twice', () => '{"issuer":"a","issuer":"b"}', /has a member twice/],
    ['another issuer', (issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }), /of another issuer/],
    ['no keys', (issuer) => ({ issuer }), /no jwks_uri/],
    ['keys over plain http', (issuer) => ({ issuer, jwks_uri: 'http://192.0.2.1/jwks' }), /no https url/],
    ['keys in a file', (issuer) => ({ issuer, jwks_uri: 'file:///etc/passwd' }), /no https url/],
    ['without an end', () => ' '.repeat(300_000), /larger than/],
    ['a redirect', () => '', /answered 302/]
  ]
  const cases = await Promise.all(
    garbage.map(async ([name, document, reason]) => ({
      name,
      document,
      reason,
      provider: await startProvider(t, [first])
    }))
  )
  for (const { document, provider } of cases) {
    const text = document(provider.issuer)
    provider.instead.set(METADATA, (_, response) => {
      if (text === '') response.writeHead(302, { location: `${provider.issuer}/elsewhere` })
      response.end(typeof text === 'string' ? text : JSON.stringify(text))
    })
  }
  const sound = await startProvider(t, [first])
  const gateway = await startGateway(
    t,
    configured('var', upstream.url, sound, ...cases.map(({ provider }) => provider)),
    { workers: 1 }
  )
  for (const [i, { name, reason, provider }] of cases.entries()) {
    await t.test(name, async (t) => {
      t.match(await gateway.said(new RegExp(`issuer idp${i + 1}: no new keys[^\n]*`)), reason)
      t.equal(provider.count('/elsewhere'), 0, 'nobody is sent elsewhere')
      const bearer = await provider.token()
      t.equal(await status(gateway, bearer), 503, 'no keys yet, which is not the caller’s fault')
      provider.instead.delete(METADATA)
      await until('its keys come', async () => (await status(gateway, bearer)) === 200)
    })
  }

  await t.test('a key set that is none, while good keys are held', async (t) => {
    sound.instead.set('/jwks', (_, response) => void response.end('{"keys":[{"kty":"EC"}]}'))
    const bearer = await sound.token()
    t.equal(await status(gateway, token(second, { iss: sound.issuer, aud: 'api', exp: seconds() + 60 })), 401)
    await gateway.said(/issuer idp0: no new keys: .*the keys held stay in use/)
    t.equal(await status(gateway, bearer), 200)
    const { body } = await control(gateway, '/metrics')
    t.equal(sample(body, 'gatehouse_issuer_keys_stale', { issuer: 'idp0' }), 1)
    t.equal(sample(body, 'gatehouse_issuer_keys', { issuer: 'idp0' }), 1)
  })
})
