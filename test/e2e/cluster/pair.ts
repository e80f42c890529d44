/** Two gateways on one store, and whether they count as one: exactly where asked to, and soon where not. */
import { ask } from '../client.ts'
import { status } from '../control-socket.ts'
import type { Gateway, GatewayOptions, Owner } from '../gateway.ts'
import { startHosts } from './hosts.ts'
import { soon } from './redis-server.ts'

const KEYS = 8
/** What a strict limit of theirs admits. */
export const ADMITTED = 20

/** @param redis `cluster.redis` as YAML */
export async function startPair(t: Owner, redis: string, options: GatewayOptions = {}): Promise<[Gateway, Gateway]> {
  const limit = (name: string, more: string): string =>
    `policies: { limits: [ { name: ${name}, rate: ${ADMITTED}/h, by: "header:x-who", scope: cluster${more} } ] }`
  const routes = `routes: [
      { name: strict, match: { paths: ["/strict"] }, ${limit('a', ', strict: true')} },
      { name: first, match: { paths: ["/first"] }, ${limit('b', '')} }
    ]`
  const service = `policies: { auth: public }, ${routes}`
  const [a, b] = await startHosts(t, 2, `redis: ${redis}, timeout: 5s, interval: 50ms`, service, options)
  if (a === undefined || b === undefined) throw new Error('two were started')
  return [a, b]
}

export async function admitted(gateway: Gateway, path: string, who: string, times: number): Promise<number> {
  const all = await Promise.all(
    Array.from({ length: times }, () => ask(gateway.port, path, { headers: { 'x-who': who } }))
  )
  return all.filter(({ status: code }) => code === 200).length
}

/** How many requests of each key they admit together where the limit is strict; resolves when each has heard of the other where it isn't. */
export async function countedTogether(a: Gateway, b: Gateway): Promise<number[]> {
  const connected = async (gateway: Gateway): Promise<boolean> =>
    (await status(gateway.dir)).cluster?.connected ?? false
  await soon(async () => (await connected(a)) && (await connected(b)))
  const names = Array.from({ length: KEYS }, (_, i) => `caller ${i}`)
  const strict = await Promise.all(
    names.map(async (name) => (await admitted(a, '/strict', name, 15)) + (await admitted(b, '/strict', name, 15)))
  )
  for (const name of names) await admitted(a, '/first', name, ADMITTED)
  // The second one lets in what it must until it has heard; then it refuses.
  for (const name of names)
    await soon(async () => (await ask(b.port, '/first', { headers: { 'x-who': name } })).status === 429)
  return strict
}

/** What `countedTogether` is to return. */
export const EXACTLY: readonly number[] = Array.from({ length: KEYS }, () => ADMITTED)
