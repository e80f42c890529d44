import type { Log } from '../../observe/log.ts'
import type { Plan } from '../../plan/plan.ts'
import { keyResources } from '../api-keys/resources.ts'
import type { KeyUses } from '../api-keys/uses.ts'
import type { BanBook } from '../bans/book.ts'
import { banResources } from '../bans/resources.ts'
import type { Observation } from '../observation.ts'
import type { KnownNames } from '../revocations/entry.ts'
import type { RevocationRegistry } from '../revocations/registry.ts'
import { revocationResources } from '../revocations/resources.ts'
import { gatewayResources, type GatewayActions } from './gateway-resources.ts'
import { requestResources } from './request-resources.ts'
import type { Resource } from './resource.ts'

export interface OwnerResources {
  gateway: GatewayActions
  revocations: RevocationRegistry
  bans: BanBook
  keyUses: KeyUses
  observation: Observation
  /** What serves. */
  plan: () => Plan | null
  log: () => Log
}

/** All that the owner may ask and change: the same list on every door. */
export function ownerResources({
  gateway,
  revocations,
  bans,
  keyUses,
  observation,
  plan,
  log
}: OwnerResources): Resource[] {
  return [
    ...gatewayResources(gateway),
    ...revocationResources(
      revocations,
      () => namesOf(plan()),
      (text, fields) => log().info(text, fields)
    ),
    ...banResources(bans),
    ...keyResources(keyUses, () => observation.catchUp()),
    ...requestResources({ find: (id) => observation.request(id), horizon: () => observation.horizon() })
  ]
}

/** Whom a revocation may name. */
function namesOf(plan: Plan | null): KnownNames {
  const { issuers = [], consumers = [] } = plan ?? {}
  return { issuers: new Set(issuers.map(({ name }) => name)), consumers: new Set(consumers.map(({ name }) => name)) }
}
