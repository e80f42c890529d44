/** A flood of new bad tokens from many addresses: the short form, counts only; test/prove has it with 20,000. */
import t from 'tap'
import { ask } from '../client.ts'
import { signer, token } from '../tokens.ts'
import { startFlooded } from './flooded.ts'

const ADDRESSES = 300
const AT_ONCE = 30

t.test('each is refused, and the one good client loses nothing', async (t) => {
  const { service, gateway, good, claims } = await startFlooded(t)
  const bad = signer('ES256', 'e1')
  const bearer = (by: typeof good, sub: string): Record<string, string> => ({
    authorization: `Bearer ${token(by, claims(sub))}`
  })
  const own = bearer(good, 'alice')
  let over = false
  const served: number[] = []
  const client = (async () => {
    while (!over) served.push((await ask(gateway.port, '/x', { headers: own })).status)
  })()
  const refused = new Map<number, number>()
  let next = 0
  const attacker = async (): Promise<void> => {
    while (next < ADDRESSES) {
      const i = next++
      const from = `127.1.${i >> 8}.${i & 255}`
      const { status } = await ask(gateway.port, '/x', { headers: bearer(bad, `m${i}`), from })
      refused.set(status, (refused.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, attacker))
  over = true
  await client
  t.ok(served.length > 0)
  t.ok(
    served.every((status) => status === 200),
    'the good client'
  )
  const { 401: unidentified = 0, 503: turnedAway = 0 } = Object.fromEntries(refused)
  t.equal(unidentified + turnedAway, ADDRESSES, JSON.stringify([...refused]))
  t.equal(service.seen.length, served.length, 'no bad one reached the service')
})
