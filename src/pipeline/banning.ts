/** From a stage or the exit to a ban of the client's address. */
import { evidenceOf } from '../threats/evidence.ts'
import type { Cause } from '../threats/bans.ts'
import { CANARY } from '../threats/tag.ts'
import type { Evidence } from '../ban.ts'
import type { BanTimes } from '../plan/threats.ts'
import type { Exchange } from './exchange.ts'

/** An hour, then four, then sixteen: nobody has a reason to use such a key. */
const CANARY_BAN: BanTimes = { time: 3_600_000, escalate: 4, max: 86_400_000 }

/** @param certain no accident and no stranger behind the same address explains it: a crowd is banned too */
export function banClient(x: Exchange, cause: Cause, certain = false): void {
  const { tables, clientAddress, listenerTable, now } = x
  const { ipv6Prefix } = listenerTable.plan.client
  tables.services.bans.banAddress(clientAddress, ipv6Prefix, cause, tables.threats.never, now, certain)
}

/** Somebody used a key that was left lying about for whoever should not have found it. */
export function canaryUsed(x: Exchange, key: string, where: string): void {
  const { mode } = x.tables.threats.plan
  const reason = `the canary key ${key} was used`
  const evidence = [thisRequest(x, 401)]
  banClient(x, { scenario: CANARY, where, reason, times: CANARY_BAN, mode, evidence, bucket: null }, true)
}

/** The request under way, as evidence; `status`: what it is going to be answered. */
export function thisRequest(x: Exchange, status: number): Evidence {
  return evidenceOf({ time: x.now, method: x.method, path: x.path, status, id: x.id })
}
