/** `consumers`: callers known by name, found by their keys, their clients at issuers, or the tokens they sign. */
import type { ConsumerConfig } from '../config/schema.ts'
import type { ApiKeyPlan, CertificateNamePlan, ConsumerPlan } from '../../plan/consumer.ts'
import type { IssuerPlan } from '../../plan/issuer.ts'
import type { Where } from '../../plan/policy.ts'
import { alternativeName } from '../../client/certificate.ts'
import { date } from './checked.ts'
import { SIGNING_ALGORITHMS, type ConsumerKeys } from './consumer-keys.ts'
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
  const certificates = new CertificateNames(report)
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
        const key = keys.compile(token, token.algorithm, `consumer:${consumer.name}:${j}`, at)
        return key ? [{ issuer: token.issuer, key, where: report.where(at) }] : []
      }),
      basic: (consumer.basic ?? []).map((user, j) => ({ ...user, where: report.where([...path, 'basic', j]) })),
      certificates: certificates.compile(consumer.certificates ?? [], [...path, 'certificates']),
      signatures: (consumer.signatures ?? []).flatMap((signer, j) => {
        const at = [...path, 'signatures', j]
        const { keyId, algorithm } = signer
        const key = keys.compile(signer, SIGNING_ALGORITHMS[algorithm], `consumer:${consumer.name}:signature:${j}`, at)
        return key ? [{ keyId, algorithm, key, where: report.where(at) }] : []
      }),
      ip: consumer.ip ? { blocks: consumer.ip, where: report.where([...path, 'ip']) } : null,
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
    canary: key.canary ?? false,
    where: report.where(path)
  }
}

/** The names that certificates are found by, in the one spelling they are compared in; each belongs to one consumer. */
class CertificateNames {
  readonly #taken = new Map<string, Where>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  compile(certificates: NonNullable<ConsumerConfig['certificates']>, path: Path): CertificateNamePlan[] {
    const plans: CertificateNamePlan[] = []
    for (const [i, { san, fingerprint }] of certificates.entries()) {
      const at = [...path, i, san === undefined ? 'fingerprint' : 'san']
      if (this.#report.isPlaceholder(at)) continue
      const name = san === undefined ? `sha256:${hexOf(fingerprint ?? '')}` : certificateName(san)
      const where = this.#report.where(at)
      const before = this.#taken.get(name)
      if (before !== undefined) this.#report.error(at, `${name} is taken: see ${before}`)
      else plans.push({ name, where })
      this.#taken.set(name, before ?? where)
    }
    return plans
  }
}

/** An alternative name as certificates are read. */
export function certificateName(san: string): string {
  const colon = san.indexOf(':')
  return alternativeName(san.slice(0, colon), san.slice(colon + 1))
}

/** As OpenSSL prints it or not. */
function hexOf(fingerprint: string): string {
  return fingerprint.slice('sha256:'.length).replaceAll(':', '').toLowerCase()
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
