import type { RevocationPlan } from '../../plan/revocation.ts'
import { SharedSet, type SharedItem, type SharedSetOptions } from '../cluster/shared-set.ts'
import { revocationId, SELECTORS } from './entry.ts'
import type { RevocationRegistry } from './registry.ts'

const LONGEST = 512

/** Revocations made at run time, shared with the other hosts. Those of the configuration are each host's own. */
export function sharedRevocations(
  registry: RevocationRegistry,
  around: Pick<SharedSetOptions, 'prefix' | 'connection' | 'received'>
): SharedSet {
  const set = new SharedSet({
    ...around,
    name: 'revocations',
    held: () => registry.held().map(({ added, ...entry }) => itemOf(entry, added)),
    receive: ({ id, value, at }) => {
      if (value === null) return registry.takenBack(id)
      const entry = entryOf(value)
      return entry !== null && entry.id === id && registry.receive(entry, at)
    }
  })
  registry.share({
    added: (entry, at) => set.publish(itemOf(entry, at)),
    removed: ({ id, until }, at) => set.publish({ id, until, at, value: null })
  })
  return set
}

function itemOf(entry: RevocationPlan, at: number): SharedItem {
  return { id: entry.id, until: entry.until, at, value: entry }
}

/** What another host wrote, or whoever else can write there; null for anything but a revocation. */
export function entryOf(value: unknown): RevocationPlan | null {
  if (typeof value !== 'object' || value === null) return null
  const said = value as Partial<Record<keyof RevocationPlan, unknown>>
  const { issuedBefore = null, until, reason } = said
  const [issuer, jti, subject, consumer, kid] = (['issuer', 'jti', 'subject', 'consumer', 'kid'] as const).map((key) =>
    nameOf(said[key])
  )
  if (issuer === undefined || jti === undefined || subject === undefined || consumer === undefined || kid === undefined)
    return null
  if (issuedBefore !== null && !Number.isFinite(issuedBefore)) return null
  if (typeof until !== 'number' || !Number.isFinite(until)) return null
  if (typeof reason !== 'string' || reason.length > LONGEST) return null
  const selection = { issuer, jti, subject, consumer, kid, issuedBefore: issuedBefore as number | null }
  if (SELECTORS.every((key) => selection[key] === null)) return null
  return { id: revocationId(selection), ...selection, until, reason, where: 'another host' }
}

/** undefined: no name. */
function nameOf(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null
  return typeof value === 'string' && value !== '' && value.length <= LONGEST ? value : undefined
}
