import { keyOf } from '../policy/key.ts'
import { refuse, type Refusal } from '../problems.ts'
import { ENFORCED, LIMITED, SHADOW, tagOf, type BanFound, type Space } from '../memory/ban-table.ts'
import { isCertain } from '../threats/tag.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/** One object for all requests: filled and read within one call. */
const found: BanFound = { until: 0, info: 0 }

/** Clients and networks that are kept out: before routing, and before anything that costs more than this look-up. */
export function bans(x: Exchange): Verdict {
  const { threats, services } = x.tables
  const { table } = services.bans
  const now = x.now / 1000
  if (table.find(ENFORCED, x.clientAddress, now, found) && !threats.never.has(x.clientAddress)) {
    const refusal = addressRefusal(x, found.info)
    if (refusal !== null) {
      if (threats.plan.mode === 'enforce') return refusal
      x.wouldDeny(refusal)
    }
  } else if (threats.shadow && table.find(SHADOW, x.clientAddress, now, found)) {
    if (!threats.never.has(x.clientAddress)) x.wouldDeny(banRefusal(x, found.info))
  }
  return CONTINUE
}

/** Callers, and whatever else scenarios count by: once it is known who calls. */
export function callerBans(x: Exchange): Verdict {
  const { threats } = x.tables
  if (threats.keyed.length === 0) return CONTINUE
  const refusal = keyRefusal(x, ENFORCED)
  if (refusal !== null) {
    if (threats.plan.mode === 'enforce') return refusal
    x.wouldDeny(refusal)
  } else if (threats.shadow) {
    const would = keyRefusal(x, SHADOW)
    if (would !== null) x.wouldDeny(would)
  }
  return CONTINUE
}

/** null: an address that is limited may pass this time, or a crowd within a banned network. */
function addressRefusal(x: Exchange, info: number): Refusal | null {
  const { detector } = x.tables.services
  const limited = (info & LIMITED) !== 0 || detector.isCrowd(x.clientKey)
  if (!limited || isCertain(banRefusal(x, info).rule)) return banRefusal(x, info)
  if (detector.trickles(x.clientKey)) return null
  const { rule, where } = banRefusal(x, info)
  const reason = `${x.clientIp} is limited by ${rule}, not banned: others may be behind it, or behind what it asked for`
  return refuse('over-limit', 'ban', reason, { rule, where, headers: RETRY })
}

const RETRY: readonly string[] = Object.freeze(['retry-after', '1'])

function keyRefusal(x: Exchange, space: Space): Refusal | null {
  const { threats, services } = x.tables
  const { table } = services.bans
  if (!table.holdsKeys(space)) return null
  const now = x.now / 1000
  for (let i = 0; i < threats.keyed.length; i++) {
    const keyed = threats.keyed[i]
    if (keyed === undefined) continue
    if (table.findKey(space, keyed.prefix + keyOf(keyed.key, x), now, found)) return banRefusal(x, found.info)
  }
  return null
}

/** A ban may outlive its scenario: what is no longer configured still holds until it ends. */
const FORGOTTEN = refuse('banned', 'ban', 'banned by a scenario that is configured no longer')

function banRefusal(x: Exchange, info: number): Refusal {
  return x.tables.threats.refusals.get(tagOf(info)) ?? FORGOTTEN
}
