/**
 * How an AccessRecord lies in a worker's ring: what record-writer.ts writes and record-reader.ts reads, without a buffer
 * in between.
 *
 * All offsets are multiples of what lies there: five float64 (time, duration, upstreamTime, bytesIn, bytesOut), two
 * uint16 (the places of its outcome and its client, see repeats.ts), a byte of flags and one for the decision (where the outcome is told), then a
 * uint16 length for each of the texts that are its own, then these texts, one behind the other. Where the outcome or the
 * client is told, three int32 (status, worker, generation) and the lengths of their texts come before all texts, and
 * theirs come behind. What is told comes with the first record that needs it: a record that is dropped takes nothing
 * from those behind it, and a worker that takes another's place, knowing of nothing told, tells all anew. Both ends are
 * one process and one build: there is no version.
 */
import type { AccessRecord, Client, Outcome, OwnTexts } from './record.ts'

/** The names of an interface's texts. */
export type TextsOf<T> = { [K in keyof T]: T[K] extends string ? (string extends T[K] ? K : never) : never }[keyof T]
type Caps<T> = { readonly [K in TextsOf<T>]: number }

/**
 * Most bytes of UTF-8 kept of each string; what is longer is cut after the last whole character that fits. The caps
 * are at least four bytes wider than what is usual and than anything a configuration can name (such a text is read
 * faster), and bound what a client can make a line cost.
 */
const OWN_CAPS: Caps<OwnTexts> = {
  /** Ours are 26, a trusted proxy's are taken up to this. */
  id: 64,
  /** 32 hex digits. */
  traceId: 40,
  path: 2048,
  query: 1024
}
const OUTCOME_CAPS: Caps<Outcome> = {
  method: 32,
  scheme: 16,
  /** Names of the configuration: 63. */
  listener: 64,
  /** `service.route` */
  route: 128,
  service: 64,
  problem: 32,
  policy: 64,
  rule: 128,
  where: 512,
  reason: 512,
  shadow: 512,
  target: 272
}
const CLIENT_CAPS: Caps<Client> = {
  /** Longest text of an IPv6 address: 45. */
  clientIp: 64,
  /** Longest name in DNS: 253. */
  host: 272,
  userAgent: 256,
  authMethod: 16,
  /** Consumers' names: 128. */
  consumer: 128,
  subject: 256,
  issuer: 64,
  credential: 128
}
export const CAPS = { ...OWN_CAPS, ...OUTCOME_CAPS, ...CLIENT_CAPS }

/** A run of texts in a record. */
export class Texts<T> {
  readonly names: readonly TextsOf<T>[]
  readonly caps: readonly number[]
  /** Where the lengths lie, from the start of the record. */
  readonly at: number
  /** Behind the last length. */
  readonly end: number
  /** Most bytes of all. */
  readonly most: number

  constructor(caps: Caps<T>, at: number) {
    this.names = Object.keys(caps) as TextsOf<T>[]
    this.caps = Object.values<number>(caps)
    this.at = at
    this.end = at + 2 * this.caps.length
    this.most = this.caps.reduce((sum, cap) => sum + cap, 0)
  }
}

/** Bytes that UTF-8 takes at the most. */
export const LONGEST_CHARACTER = 4
export const DECISIONS = ['forward', 'answer', 'deny', 'error', 'abort'] as const satisfies AccessRecord['decision'][]

/** Offsets from the start of a record. */
export const OUTCOME_AT = 40
export const CLIENT_AT = 42
export const FLAGS_AT = 44
export const DECISION_AT = 45
export const OWN = new Texts<OwnTexts>(OWN_CAPS, 46)
/** Of the texts, where nothing is told. */
export const SHORT_TEXT_AT = OWN.end
export const STATUS_AT = 56
export const OUTCOME = new Texts<Outcome>(OUTCOME_CAPS, STATUS_AT + 12)
export const CLIENT = new Texts<Client>(CLIENT_CAPS, OUTCOME.end)
/** Of the texts, where something is told. */
export const TEXT_AT = CLIENT.end

/** Flags. */
export const OUTCOME_TOLD = 1
export const CLIENT_TOLD = 2
/** All text is ASCII, and nothing was cut. */
export const ASCII = 4

export const MOST_TEXT = OWN.most + OUTCOME.most + CLIENT.most
/** Bytes of the largest record. */
export const LARGEST_RECORD = TEXT_AT + MOST_TEXT + LONGEST_CHARACTER
