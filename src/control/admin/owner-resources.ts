import type { Log } from '../../observe/log.ts'
import { unpack } from '../../plan/packed.ts'
import type { PackedPlan } from '../../plan/plan.ts'
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
  plan: () => PackedPlan | null
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
  const names = new Names()
  return [
    ...gatewayResources(gateway),
    ...revocationResources(
      revocations,
      () => names.of(plan()),
      (text, fields) => log().info(text, fields)
    ),
    ...banResources(bans),
    ...keyResources(keyUses, () => observation.catchUp()),
    ...requestResources({ find: (id) => observation.request(id), horizon: () => observation.horizon() })
  ]
}

/** Whom a revocation may name: read once for a plan, for a script may make thousands of them. */
class Names {
  #plan: PackedPlan | null = null
  #known: KnownNames = { issuers: new Set(), consumers: new Set() }

  of(plan: PackedPlan | null): KnownNames {
    if (plan !== null && plan !== this.#plan) {
      this.#plan = plan
      this.#known = {
        issuers: new Set(plan.issuers.map(({ name }) => name)),
        consumers: new Set(unpack(plan.consumers).map(({ name }) => name))
      }
    }
    return this.#known
  }
}
