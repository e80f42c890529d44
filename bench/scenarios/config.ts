/** Gatehouse's configurations. */
import type { GatewayConfig } from '../peers/gatehouse.ts'
import type { Bench } from '../scenario.ts'
import { type Algorithm, AUDIENCE, CLIENT, ISSUER, SCOPE, TENANT } from '../tokens.ts'

/** A limit that counts and is never reached: what is measured is its counting. */
const UNREACHED = { rate: '100000000/s', burst: 100_000_000 }

export const SECURED_PATH = `/orders/${TENANT}`

export function limit(name: string, by: string): object {
  return { name, by, ...UNREACHED }
}

function upstreamOf(bench: Bench, pipelining = 1): object {
  return {
    targets: [{ url: `http://127.0.0.1:${bench.upstream.port}` }],
    connections: { max: 256, pipelining }
  }
}

/** One open route for everything, the policies of a proxy: none. */
export function plainConfig(bench: Bench): GatewayConfig {
  return {
    services: [
      {
        name: 'orders',
        upstream: upstreamOf(bench),
        policies: { auth: 'public' },
        routes: [{ name: 'everything', match: { paths: ['/*'] } }]
      }
    ]
  }
}

export interface SecuredOptions {
  algorithm: Algorithm
  /** To the upstream; default 1. */
  pipelining?: number
  /** Added to the route's own policies. */
  policies?: object
  /** Added to the route's rules and limits. */
  rules?: readonly object[]
  limits?: readonly object[]
  profiles?: readonly { name: string; policies: object }[]
}

/** Token, consumer and address limits, scope and a CEL rule, identity headers. */
export function securedConfig(bench: Bench, options: SecuredOptions): GatewayConfig {
  const { algorithm, pipelining, policies, rules = [], limits = [], profiles } = options
  const route = {
    name: 'read',
    match: { paths: ['/orders/{id}'] },
    ...(profiles ? { use: profiles.map(({ name }) => name) } : {}),
    policies: {
      authorize: [{ scopes: [SCOPE], when: 'claims.tenant == path.id' }, ...rules],
      limits: [limit('per-address', 'ip'), limit('per-consumer', 'consumer'), ...limits],
      ...policies
    }
  }
  return {
    ...(profiles ? { profiles } : {}),
    issuers: [issuer(bench, algorithm)],
    consumers: [{ name: 'acme', groups: ['partners'], clients: [{ issuer: 'corp', id: CLIENT }] }],
    services: [
      {
        name: 'orders',
        upstream: upstreamOf(bench, pipelining),
        policies: { auth: { jwt: { issuers: ['corp'] } }, identity: { headers: true } },
        routes: [route]
      }
    ]
  }
}

function issuer(bench: Bench, algorithm: Algorithm): object {
  return {
    name: 'corp',
    issuer: ISSUER,
    audiences: [AUDIENCE],
    scopesClaim: 'scope',
    consumerClaim: 'azp',
    jwks: { keys: [bench.signers[algorithm].jwk()] }
  }
}

/** `count` open routes of one shape, /area-NNN/thing-NNN/{id}, as in native-bench/radix.c. */
export function manyRoutesConfig(
  bench: Bench,
  count: number
): { config: GatewayConfig; files: Record<string, string> } {
  const routes = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ name: `r${i}`, match: { paths: [`${routePath(i)}/{id}`] } })
  )
  return {
    config: {
      services: [
        {
          name: 'orders',
          upstream: upstreamOf(bench),
          policies: { auth: 'public' },
          routes: [{ file: 'routes.jsonl' }]
        }
      ]
    },
    files: { 'routes.jsonl': `${routes.join('\n')}\n` }
  }
}

const THINGS = 100

export function routePath(route: number): string {
  const area = String(Math.floor(route / THINGS)).padStart(3, '0')
  return `/area-${area}/thing-${String(route % THINGS).padStart(3, '0')}`
}

export const SPENT_PATH = '/spent'

/** The secured path, and an open route whose limit one request uses up. */
export function refusingConfig(bench: Bench): GatewayConfig {
  const secured = securedConfig(bench, { algorithm: 'RS256' })
  const spent = {
    name: 'spent',
    match: { paths: [SPENT_PATH] },
    policies: { auth: 'public', limits: [{ name: 'spent', by: 'all', rate: '1/h' }] }
  }
  return { ...secured, services: [...secured.services, { name: 'open', upstream: upstreamOf(bench), routes: [spent] }] }
}
