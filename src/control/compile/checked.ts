/** Scalars of a configuration as values. Their form has been checked with the schema. */
import type { KeyPart } from '../../plan/values.ts'
import {
  parseAddress,
  parseAddressSource,
  parseBandwidth,
  parseDate,
  parseDuration,
  parseInstant,
  parseQuota,
  parseRate,
  parseRedirect,
  parseRedisUrl,
  parseSize,
  parseUpstreamUrl
} from '../config/units.ts'
import { parseKeyPart } from '../config/key-parts.ts'

export const address = checked(parseAddress)
export const addressSource = checked(parseAddressSource)
/** ms since the epoch. */
export const date = checked(parseDate)
/** ms since the epoch. */
export const instant = checked(parseInstant)
/** ms. */
export const duration = checked(parseDuration)
export const keyPart = checked(readKeyPart)
export const bandwidth = checked(parseBandwidth)
export const quota = checked(parseQuota)
export const rate = checked(parseRate)
export const redisUrl = checked(parseRedisUrl)
export const redirect = checked(parseRedirect)
/** Bytes. */
export const size = checked(parseSize)
export const upstreamUrl = checked(parseUpstreamUrl)

function readKeyPart(word: string): KeyPart | null {
  const parsed = parseKeyPart(word)
  return 'part' in parsed ? parsed.part : null
}

/** A text that the schema accepted and its parser doesn't is a gap between the two, never the owner's mistake. */
function checked<T>(parse: (text: string) => T | null): (text: string) => T {
  return (text) => {
    const value = parse(text)
    if (value === null) throw new Error(`accepted by the schema but unreadable for ${parse.name}`)
    return value
  }
}
