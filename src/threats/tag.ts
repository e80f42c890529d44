/** Names of bans that no scenario makes. No scenario may be called so. */
export const HONEYPOT = 'honeypot'
export const CANARY = 'canary'
export const ADDED = 'added'
export const CROWDSEC = 'crowdsec'
export const RESERVED: readonly string[] = [HONEYPOT, CANARY, ADDED, CROWDSEC]

/** Bans that hold for an address whoever else uses it: an owner's word, his CrowdSec's, and a canary key. */
export function isCertain(name: string): boolean {
  return name === ADDED || name === CROWDSEC || name === CANARY
}

/**
 * 16 bits that stand for a scenario's name in the ban table, the same in every generation and after every restart.
 * Two names of one configuration that share them are refused when it is compiled.
 */
export function tagOfName(name: string): number {
  // FNV-1a, folded.
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & 0xffff
}
