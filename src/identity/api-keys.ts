/**
 * API keys: found by the SHA-256 of what was sent, so that neither the configuration nor this process holds a key.
 * Keys are long random strings, which is what lets a plain hash stand for them. Nothing is cached: the hash costs
 * about a microsecond, and a cache would have to hold the raw key.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { isBrokenKey } from './key-form.ts'
import type { CallerDirectory, KeyHolder } from './directory.ts'
import type { BadCredential } from './credentials.ts'

/** Longest key taken, in characters. */
export const MAX_KEY_LENGTH = 256

const NO_KEY = Buffer.alloc(32)
const BROKEN: BadCredential = Object.freeze({ reason: 'the API key is cut or mistyped: its checksum does not hold' })
const UNKNOWN: BadCredential = Object.freeze({ reason: "the API key is nobody's" })
const MISSHAPEN: BadCredential = Object.freeze({
  reason: `the API key is longer than ${MAX_KEY_LENGTH} characters or holds some that no key has`
})

/**
 * The key's holder, or why not. A key that nobody has takes the same steps as one that somebody has: the lookup is by
 * a hash that the sender can't aim, and the comparison in constant time is made with a dummy. A canary never expires.
 */
export function lookUpKey(key: string, directory: CallerDirectory, now: number): KeyHolder | BadCredential {
  if (!isKeyText(key)) return MISSHAPEN
  if (isBrokenKey(key)) return BROKEN
  const digest = hash('sha256', key, 'buffer')
  const holder = directory.byKeyHash(digest.toString('hex'))
  const same = timingSafeEqual(digest, holder?.digest ?? NO_KEY)
  if (holder === undefined || !same) return UNKNOWN
  const { canary, expires, id } = holder.plan
  // An old key that somebody took is what a canary is laid out for.
  if (!canary && expires !== null && now >= expires) {
    return { reason: `key ${id} of ${holder.consumer.name} no longer holds since ${new Date(expires).toISOString()}` }
  }
  return holder
}

/** Printable ASCII without space. */
function isKeyText(key: string): boolean {
  if (key.length > MAX_KEY_LENGTH) return false
  for (let i = 0; i < key.length; i++) {
    const c = key.charCodeAt(i)
    if (c < 0x21 || c > 0x7e) return false
  }
  return true
}
