import { IpSet } from '../ip-set.ts'
import type { IpPlan } from '../plan/ip.ts'

/** `ip` of one level: who may come from where. `deny` wins over `allow`. */
export interface PreparedIp {
  readonly plan: IpPlan
  /** null: everyone. */
  readonly allow: IpSet | null
  readonly deny: IpSet
}

/** Throws on a block that can't be read. */
export function prepareIp(plan: IpPlan): PreparedIp {
  return {
    plan,
    allow: plan.allow === null ? null : new IpSet(plan.allow),
    deny: new IpSet(plan.deny)
  }
}

const DENIED = 'the client’s address is in ip.deny'
const NOT_ALLOWED = 'the client’s address is not in ip.allow'

/** null when `address` (4 or 16 bytes; anything else is in no block) may pass; otherwise why not, for the owner's log. */
export function judgeIp(ip: PreparedIp, address: Uint8Array): string | null {
  if (ip.deny.has(address)) return DENIED
  return ip.allow === null || ip.allow.has(address) ? null : NOT_ALLOWED
}
