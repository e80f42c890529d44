/** The form of the API keys that Gatehouse makes. Keys made elsewhere are as good: only a key's hash is ever compared. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** What secret scanners find leaked keys by. */
const PREFIX = 'gatekey_'
const RANDOM = 43
const CHECKSUM = 6
const LENGTH = PREFIX.length + RANDOM + CHECKSUM

/** 43 characters of 62 hold 256 bits. The checksum is over all before it, so a mistyped or cut key shows offline. */
export function newApiKey(): string {
  let random = ''
  for (let rest = BigInt(`0x${randomBytes(32).toString('hex')}`); random.length < RANDOM; rest /= 62n) {
    random = ALPHABET.charAt(Number(rest % 62n)) + random
  }
  const body = PREFIX + random
  return body + checksumOf(body)
}

/** Whether `text` has the form of a key and its checksum holds: says nothing about its being valid anywhere. */
export function isApiKey(text: string): boolean {
  if (text.length !== LENGTH || !text.startsWith(PREFIX)) return false
  for (let i = PREFIX.length; i < LENGTH; i++) if (!ALPHABET.includes(text.charAt(i))) return false
  return text.endsWith(checksumOf(text.slice(0, -CHECKSUM)))
}

/**
 * Whether it begins as a key of ours and isn't one: then nobody has it, which anybody can find out for himself, so
 * saying so without looking tells nothing.
 */
export function isBrokenKey(text: string): boolean {
  return text.startsWith(PREFIX) && !isApiKey(text)
}

function checksumOf(body: string): string {
  let text = ''
  for (let rest = crc32(body); text.length < CHECKSUM; rest = Math.floor(rest / 62)) {
    text = ALPHABET.charAt(rest % 62) + text
  }
  return text
}
