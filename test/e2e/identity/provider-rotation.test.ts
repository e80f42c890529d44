/** Keys of a real OpenID provider: rotated under load, kept while it is away, and across a start without it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { gatehouse } from '../command.ts'
import { control } from '../control.ts'
import { startGateway, type Gateway } from '../gateway.ts'
import { seconds, signer, token } from '../tokens.ts'
import { startUpstream } from '../upstream.ts'
import { agent, configured, status, until } from './named-issuers.ts'
import { startProvider } from './openid-provider.ts'

const METADATA = '/.well-known/openid-configuration'
const [first, second, third] = [signer('ES256', 'k1'), signer('ES256', 'k2'), signer('ES256', 'k3')]
const upstream = await startUpstream(t)
t.teardown(() => agent.destroy())

/** Presents tokens without pause from several connections until it is stopped; answers other than `wanted` are kept. */
class Load {
  readonly wrong: number[] = []
  answered = 0
  #over = false
  readonly #running: Promise<unknown>

  constructor(gateway: Gateway, tokens: () => readonly string[], wanted: number) {
    const client = async (): Promise<void> => {
      for (let i = 0; !this.#over; i++) {
        const all = tokens()
        const got = await status(gateway, all[i % all.length] ?? '')
        this.answered++
        if (got !== wanted) this.wrong.push(got)
      }
    }
    this.#running = Promise.all([client(), client(), client(), client()])
  }

  async stop(): Promise<void> {
    this.#over = true
    await this.#running
  }
}

function stateDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

t.test('rotation under load: no good token is refused, and no old one taken after the overlap', async (t) => {
  const provider = await startProvider(t, [first])
  const began = performance.now()
  const gateway = await startGateway(t, configured('var', upstream.url, provider), { workers: 2 })
  const good = [await provider.token()]
  const load = new Load(gateway, () => good, 200)
  await until('it runs', async () => load.answered > 50)

  provider.use(second, first)
  good.push(await provider.token())
  const { answered } = load
  await until('both kinds are answered', async () => load.answered > answered + 100)
  t.strictSame([provider.count(METADATA), provider.count('/jwks')], [1, 2], 'the unknown kid fetched the key set alone')
  const old = good.splice(0, 1)

  // The end of the overlap, told by the next key's first token.
  provider.use(third, second)
  good.push(await provider.token())
  await until('the withdrawn key is refused', async () => (await status(gateway, old[0] ?? '')) === 401)
  const after = new Load(
    gateway,
    () => [...old, token(first, { iss: provider.issuer, aud: 'api', exp: seconds() + 60 })],
    401
  )
  await until('both go on', async () => after.answered > 100)
  await Promise.all([after.stop(), load.stop()])
  t.strictSame(load.wrong, [], `${load.answered} good tokens`)
  t.strictSame(after.wrong, [], `${after.answered} old ones`)
  t.equal(provider.count(METADATA), 1)
  const windows = Math.ceil((performance.now() - began) / 30_000)
  t.ok(provider.count('/jwks') <= 1 + 3 * windows, 'one fetch at the start, and three for unknown kids in 30 s')
})

t.test('a provider that goes, and is gone at the next start', async (t) => {
  const dir = stateDir(t)
  const provider = await startProvider(t, [first])
  const yaml = configured(join(dir, 'var'), upstream.url, provider)
  const running = await startGateway(t, yaml, { workers: 1 })
  const [bearer, unknown] = [
    await provider.token(),
    token(second, { iss: provider.issuer, aud: 'api', exp: seconds() + 60 })
  ]
  t.equal(await status(running, bearer), 200)
  const stale = async (): Promise<{ stale: boolean; keyAge: number; error: string | null }> => {
    const { issuers } = JSON.parse((await control({ dir }, '/status')).body) as {
      issuers: { stale: boolean; keyAge: number; error: string | null }[]
    }
    return issuers[0] ?? { stale: false, keyAge: -1, error: 'no issuer' }
  }
  t.match(await stale(), { stale: false, keyAge: Number, error: null })

  await provider.down()
  t.equal(await status(running, unknown), 401)
  t.equal(await status(running, bearer), 200, 'the keys held serve on')
  await until('it shows', async () => (await stale()).stale)
  t.match(await stale(), { keyAge: Number, error: /ECONNREFUSED|refused/ })
  const { stdout } = await gatehouse('status', '--config', running.config)
  t.match(stdout, /issuer +idp0 +1 key, .* old, stale; http:/)
  await running.stop()

  const cold = await startGateway(t, yaml, { workers: 2 })
  t.equal(await status(cold, bearer), 200, 'a cold start serves with the keys of the last run')
  t.equal(await status(cold, unknown), 401)
  await until('its trouble shows', async () => (await stale()).error !== null)
  t.match(await stale(), { stale: true, error: String })
  await cold.said(/issuer idp0: using its keys of \d{4}-/)

  provider.use(second)
  await provider.up()
  await until('the new key comes', async () => (await status(cold, await provider.token())) === 200)
  await until('the old one goes', async () => (await status(cold, bearer)) === 401)
  await until('its trouble is over', async () => !(await stale()).stale)
  t.match(await stale(), { stale: false, error: null })
})
