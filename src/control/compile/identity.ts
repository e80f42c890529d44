/** `identity`: what upstreams are told of the caller. The nearer level wins key by key, the token's keys too. */
import type { Places } from '../../plan/auth.ts'
import type { IdentityPlan, TokenPlan } from '../../plan/identity.ts'
import { duration } from './checked.ts'
import { speaking, type Block } from './levels.ts'
import type { Path, Report } from './report.ts'

const TTL = 60_000
const SHORTEST_TTL = 5_000
/** signing-keys.ts keeps an old key published for so long. */
const LONGEST_TTL = 3_600_000

/** What of a route its identity depends on. */
export interface ToldRoute {
  name: string
  service: string
  /** Where `auth` reads credentials. */
  credentials: Places
}

export function compileIdentity(blocks: readonly Block[], route: ToldRoute, report: Report): IdentityPlan {
  const identity: IdentityPlan = { headers: true, credentials: 'strip' }
  let token: TokenPlan | undefined
  let tokenAt: Path = []
  for (const { value, path } of speaking(blocks, 'identity')) {
    identity.headers = value.headers ?? identity.headers
    identity.credentials = value.credentials ?? identity.credentials
    if (!value.token) continue
    tokenAt = [...path, 'token']
    const before: TokenPlan = token ?? {
      audience: route.service,
      ttl: TTL,
      algorithm: 'EdDSA',
      attributes: [],
      bind: false
    }
    const { ttl, ...said } = value.token
    token = { ...before, ...said, ttl: ttl === undefined ? before.ttl : ttlOf(ttl, [...tokenAt, 'ttl'], route, report) }
  }
  if (!token) return identity
  if (identity.credentials === 'forward' && route.credentials.header.includes('authorization'))
    report.ofRoute(
      'error',
      route.name,
      tokenAt,
      'the token takes the place of Authorization, which credentials: forward would send on: choose one of them'
    )
  return { ...identity, token }
}

function ttlOf(written: string, path: Path, route: ToldRoute, report: Report): number {
  const ttl = duration(written)
  if (ttl < SHORTEST_TTL || ttl > LONGEST_TTL || ttl % 1000 !== 0)
    report.ofRoute('error', route.name, path, 'a token holds 5s to 1h, in whole seconds')
  return ttl
}
