import type { BanReport, Evidence } from '../../ban.ts'
import { EVIDENCE_PATH } from '../../ban.ts'
import { SharedSet, type SharedItem, type SharedSetOptions } from '../cluster/shared-set.ts'
import type { BanBook } from './book.ts'

/** Longest of any text in a ban from elsewhere. */
const LONGEST = 1024
const MOST_EVIDENCE = 64

/** Bans, shared with the other hosts: with what explains them, and with the addresses they are of. */
export function sharedBans(
  book: BanBook,
  around: Pick<SharedSetOptions, 'prefix' | 'connection' | 'received'>
): SharedSet {
  const set = new SharedSet({
    ...around,
    name: 'bans',
    held: () => book.held().map(([id, ban]) => itemOf(id, ban)),
    receive: ({ id, value }) => {
      if (value === null) return book.takenBack(id)
      const ban = banOf(value)
      return ban !== null && book.receive(id, ban)
    }
  })
  book.share({
    made: (id, ban) => set.publish(itemOf(id, ban)),
    // After the ban by any host's clock, or it would be taken for an older word.
    removed: (id, ban, now) => set.publish({ id, until: ban.until, at: Math.max(now, ban.at + 1), value: null })
  })
  return set
}

function itemOf(id: string, ban: BanReport): SharedItem {
  return { id, until: ban.until, at: ban.at, value: ban }
}

/** What another host wrote, or whoever else can write there; null for anything but a ban. */
export function banOf(value: unknown): BanReport | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, key, who, scenario, where, reason, at, until, offences, remembered, mode, limited, evidence } =
    value as Partial<Record<keyof BanReport, unknown>>
  if ((kind !== 'address' && kind !== 'key') || (mode !== 'enforce' && mode !== 'shadow')) return null
  if (!text(key) || !text(who) || !text(scenario) || !text(where) || !text(reason)) return null
  if (!time(at) || !time(until) || !time(offences) || !time(remembered) || typeof limited !== 'boolean') return null
  if (!Array.isArray(evidence) || evidence.length > MOST_EVIDENCE) return null
  const requests: Evidence[] = []
  for (const one of evidence) {
    const request = evidenceOf(one)
    if (request === null) return null
    requests.push(request)
  }
  return { kind, key, who, scenario, where, reason, at, until, offences, remembered, mode, limited, evidence: requests }
}

function evidenceOf(value: unknown): Evidence | null {
  if (typeof value !== 'object' || value === null) return null
  const { time: when, method, path, status, id } = value as Partial<Record<keyof Evidence, unknown>>
  if (!time(when) || !text(method) || !text(path) || path.length > EVIDENCE_PATH || !time(status) || !text(id))
    return null
  return { time: when, method, path, status, id }
}

function text(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST
}

function time(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
