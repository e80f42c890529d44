/** The form of the API keys that Gatehouse makes. Keys made elsewhere are as good: only a key's hash is ever compared. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 43 characters of 62 hold 256 bits. The checksum is over all before it, so a mistyped or cut key shows offline. */
export function newApiKey(): string {
  const body = `gatekey_${base62(BigInt(`0x${randomBytes(32).toString('hex')}`), 43)}`
  return body + base62(BigInt(crc32(body)), 6)
}

/** Whether `text` has the form of a key and its checksum holds: says nothing about its being valid anywhere. */
export function isApiKey(text: string): boolean {
  const match = /^(gatekey_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/.exec(text)
  return match !== null && base62(BigInt(crc32(match[1] ?? '')), 6) === match[2]
}

function base62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text
  return text
}
