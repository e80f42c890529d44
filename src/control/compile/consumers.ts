/** `consumers`: callers known by name, found by their keys, their clients at issuers, or the tokens they sign. */
import type { ConsumerConfig } from '../config/schema.ts'
import type { ApiKeyPlan, ConsumerPlan, IssuerPlan } from '../../plan.ts'
import { date } from './checked.ts'
import type { ConsumerKeys } from './consumer-keys.ts'
import type { Path, Report } from './report.ts'

const HASH_PREFIX = 'sha256:'

/**
 * Compiles consumers in order. That whatever identifies a caller identifies one consumer only, a key, a client, the iss
 * of its tokens, has been checked with the configuration.
 */
export function compileConsumers(
  consumers: readonly ConsumerConfig[],
  issuers: readonly IssuerPlan[],
  keys: ConsumerKeys,
  report: Report
): ConsumerPlan[] {
  const silent = new Set(issuers.filter(({ consumerClaim }) => consumerClaim === null).map(({ name }) => name))
  return consumers.map((consumer, i): ConsumerPlan => {
    const path = ['consumers', i]
    const scopes = consumer.scopes ?? []
    checkClients(consumer, silent, path, report)
    return {
      name: consumer.name,
      groups: consumer.groups ?? [],
      scopes,
      attributes: consumer.attributes ?? {},
      clients: consumer.clients ?? [],
      keys: (consumer.keys ?? []).map((key, j) => compileKey(key, scopes, [...path, 'keys', j], report)),
      jwt: (consumer.jwt ?? []).flatMap((token, j) => {
        const at = [...path, 'jwt', j]
        const key = keys.compile(token, `consumer:${consumer.name}:${j}`, at)
        return key ? [{ issuer: token.issuer, key, where: report.where(at) }] : []
      }),
      where: report.where(path)
    }
  })
}

function compileKey(
  key: NonNullable<ConsumerConfig['keys']>[number],
  held: readonly string[],
  path: Path,
  report: Report
): ApiKeyPlan {
  const missing = key.scopes?.filter((scope) => !held.includes(scope)) ?? []
  if (missing.length > 0)
    report.warn(
      [...path, 'scopes'],
      `a key has scopes of its consumer's only, so this one never gets ${missing.join(', ')}: give the consumer them too`
    )
  return {
    id: key.id,
    hash: key.hash.slice(HASH_PREFIX.length),
    expires: key.expires === undefined ? null : date(key.expires),
    scopes: key.scopes?.filter((scope) => held.includes(scope)) ?? null,
    where: report.where(path)
  }
}

/** `silent`: issuers whose tokens name no client. */
function checkClients({ clients }: ConsumerConfig, silent: ReadonlySet<string>, path: Path, report: Report): void {
  clients?.forEach(({ issuer }, i) => {
    if (silent.has(issuer))
      report.warn(
        [...path, 'clients', i, 'issuer'],
        `${issuer} has no consumerClaim, so its tokens name no client: nothing attaches by this`
      )
  })
}
