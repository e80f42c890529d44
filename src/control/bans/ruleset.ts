/**
 * What Gatehouse has in the kernel, as nft reads it: one table, `inet gatehouse`, all of it ours.
 *
 * Banned blocks lie in one hash set per length of prefix in use, asked with the source address cut to that length. A
 * set of intervals would need one set less per length, but refuses a block within another, and bans overlap: an
 * address, then its network, each until its own time. nft's auto-merge makes one of them and loses a time.
 *
 * Dropped, not rejected: a reset for every packet of a flood would double its cost, and tells a scanner that
 * something listens. All packets, not only those that open a connection: the connections that a client has open when it
 * is banned would go on costing an answer for each of its requests. Ours ends them when they are idle.
 */
import { formatIp, type Cidr } from '../../ip.ts'

export const TABLE = 'inet gatehouse'

/** Before the chains of a usual firewall (priority 0), so that what is dropped costs nothing more. */
const PRIORITY = 'filter - 10'

/** Blocks of one length. */
export type SetName = `banned${'4' | '6'}_${number}`

export interface Element {
  set: SetName
  address: string
}

/** @param cidr its bits behind the prefix clear */
export function elementOf({ bytes, bits }: Cidr): Element {
  return { set: `banned${bytes.length === 4 ? '4' : '6'}_${bits}`, address: formatIp(bytes) }
}

export const REMOVE = `add table ${TABLE}\ndelete table ${TABLE}\n`

/**
 * The table anew, without a ban.
 * @param ports where banned clients are dropped, and nowhere else
 * @param never CIDR blocks whose packets pass whatever is banned
 */
export function emptyTable(ports: readonly number[], never: readonly string[]): string {
  const v6 = never.filter((block) => block.includes(':'))
  const v4 = never.filter((block) => !block.includes(':'))
  return `${REMOVE}table ${TABLE} {
  set ports { type inet_service; ${elements([...new Set(ports)].map(String))} }
  set never4 { type ipv4_addr; flags interval; auto-merge; ${elements(v4)} }
  set never6 { type ipv6_addr; flags interval; auto-merge; ${elements(v6)} }
  counter dropped { }
  chain banned {
    ip saddr @never4 return
    ip6 saddr @never6 return
  }
  chain input {
    type filter hook input priority ${PRIORITY}; policy accept;
    tcp dport @ports jump banned
  }
}
`
}

/** What only fails, if checked, where the table isn't there. */
export function presence(ports: readonly number[]): string {
  return `add element ${TABLE} ports { ${ports.join(', ')} }\n`
}

/** A set for blocks of one more length, and the rule that asks it. */
export function newSet(set: SetName): string {
  const v4 = set.startsWith('banned4')
  const bits = Number(set.slice(set.indexOf('_') + 1))
  const size = v4 ? 32 : 128
  const mask = Uint8Array.from({ length: size / 8 }, (_, i) => 0xff00 >> Math.min(8, Math.max(0, bits - 8 * i)))
  const source = `${v4 ? 'ip' : 'ip6'} saddr${bits === size ? '' : ` & ${formatIp(mask)}`}`
  return `add set ${TABLE} ${set} { type ${v4 ? 'ipv4_addr' : 'ipv6_addr'}; flags timeout; }
add rule ${TABLE} banned ${source} @${set} counter name dropped drop
`
}

/**
 * Elements come to end after so many seconds, whether they were there before or not; 0: they go. nft can neither
 * change a time nor remove what may have ended just now, but it can add (nothing happens to one that is there), delete
 * and add again.
 */
export function setElements(set: SetName, changes: readonly { address: string; seconds: number }[]): string {
  const all = changes.map(({ address }) => address).join(', ')
  const kept = changes.filter(({ seconds }) => seconds > 0)
  const add = kept.map(({ address, seconds }) => `${address} timeout ${seconds}s`).join(', ')
  return `add element ${TABLE} ${set} { ${all} }
delete element ${TABLE} ${set} { ${all} }
${kept.length === 0 ? '' : `add element ${TABLE} ${set} { ${add} }\n`}`
}

function elements(all: readonly string[]): string {
  return all.length === 0 ? '' : `elements = { ${all.join(', ')} }`
}
