/**
 * An AccessRecord as bytes of a worker's ring, written and read without a buffer in between.
 *
 * Layout of a record, all offsets multiples of what lies there: five float64 (time, duration, upstreamTime, bytesIn,
 * bytesOut), three int32 (status, worker, generation), then a byte for the decision and one that says whether all
 * text is ASCII, then a uint16 length per string of TEXTS, then the strings, one behind the other. Both ends are one
 * process and one build: there is no version. Long because both ends of one layout are best compared side by side.
 */
import { COUNTER, type Counters } from '../memory/counters.ts'
import { RingReader, RingWriter } from '../memory/ring.ts'
import type { SharedMemory } from '../memory/shared.ts'
import type { AccessRecord } from './record.ts'

/**
 * Most bytes of UTF-8 kept of each string; what is longer is cut after the last whole character that fits. The caps
 * are at least four bytes wider than what is usual and than anything a configuration can name (such a text is read
 * faster), and bound what a client can make a line cost.
 */
export const CAPS = {
  /** Ours are 26, a trusted proxy's are taken up to this. */
  id: 64,
  /** 32 hex digits. */
  traceId: 40,
  method: 32,
  scheme: 16,
  /** Longest name in DNS: 253. */
  host: 272,
  path: 2048,
  query: 1024,
  /** Longest text of an IPv6 address: 45. */
  clientIp: 64,
  /** Names of the configuration: 63. */
  listener: 64,
  userAgent: 256,
  /** `service.route` */
  route: 128,
  service: 64,
  problem: 32,
  policy: 64,
  rule: 128,
  where: 512,
  reason: 512,
  shadow: 512,
  authMethod: 16,
  /** Consumers' names: 128. */
  consumer: 128,
  subject: 256,
  issuer: 64,
  credential: 128,
  target: 272
} as const satisfies Partial<Record<keyof AccessRecord, number>>

type Text = keyof typeof CAPS

const TEXTS = Object.keys(CAPS) as Text[]
const TEXT_CAPS: readonly number[] = Object.values(CAPS)
/** Bytes that UTF-8 takes at the most. */
const LONGEST_CHARACTER = 4
const DECISIONS = ['forward', 'answer', 'deny', 'error', 'abort'] as const satisfies AccessRecord['decision'][]

const STATUS_AT = 40
const DECISION_AT = 52
const ASCII_AT = 53
const LENGTHS_AT = 54
const TEXT_AT = LENGTHS_AT + 2 * TEXTS.length
/** Bytes of the largest record. */
export const LARGEST_RECORD = TEXT_AT + TEXT_CAPS.reduce((sum, cap) => sum + cap, 0) + LONGEST_CHARACTER

/** Above this share, refusals are counted instead of recorded: a flood of them can't push out what got through. */
export const REFUSALS_UP_TO = 0.75

export class RecordWriter {
  readonly #ring: RingWriter
  readonly #counters: Counters
  readonly #uint16: Uint16Array

  /** One per worker; the worker may reuse one AccessRecord for every `write`. */
  constructor(memory: SharedMemory, worker: number, counters: Counters) {
    const buffer = memory.rings[worker]
    if (!buffer) throw new RangeError(`no ring for worker ${worker}: there are ${memory.rings.length}`)
    this.#ring = new RingWriter(buffer)
    this.#counters = counters
    this.#uint16 = new Uint16Array(buffer, this.#ring.bytes.byteOffset, this.#ring.capacity / 2)
  }

  /** False: not recorded, and counted why. Never waits, never throws. */
  write(record: AccessRecord): boolean {
    const ring = this.#ring
    if (record.decision === 'deny' && ring.fill() > REFUSALS_UP_TO) {
      this.#counters.add(COUNTER.refusalsNotRecorded)
      return false
    }
    const start = ring.reserve(LARGEST_RECORD)
    if (start < 0) {
      this.#counters.add(COUNTER.recordsDropped)
      return false
    }
    const { bytes, float64, int32 } = ring
    const wide = start / 8
    float64[wide] = record.time
    float64[wide + 1] = record.duration
    float64[wide + 2] = record.upstreamTime
    float64[wide + 3] = record.bytesIn
    float64[wide + 4] = record.bytesOut
    const half = (start + STATUS_AT) / 4
    int32[half] = record.status
    int32[half + 1] = record.worker
    int32[half + 2] = record.generation
    bytes[start + DECISION_AT] = DECISIONS.indexOf(record.decision)
    ring.publish(TEXT_AT + (this.#writeAscii(record, start) ?? this.#writeText(record, start)))
    return true
  }

  /** Share of the ring that waits for the control thread, 0 to 1. */
  fill(): number {
    return this.#ring.fill()
  }

  /**
   * All text in one native call, which is how nearly every record is: 24 calls take three times as long (measured).
   * Written out field by field in the order of CAPS: looking each up by its name costs a quarter more.
   *
   * @returns bytes of text; null when a text is longer than its cap or not ASCII, and nothing is written
   */
  #writeAscii(r: AccessRecord, start: number): number | null {
    const lengths = this.#uint16
    const at = (start + LENGTHS_AT) / 2
    lengths[at] = r.id.length
    lengths[at + 1] = r.traceId.length
    lengths[at + 2] = r.method.length
    lengths[at + 3] = r.scheme.length
    lengths[at + 4] = r.host.length
    lengths[at + 5] = r.path.length
    lengths[at + 6] = r.query.length
    lengths[at + 7] = r.clientIp.length
    lengths[at + 8] = r.listener.length
    lengths[at + 9] = r.userAgent.length
    lengths[at + 10] = r.route.length
    lengths[at + 11] = r.service.length
    lengths[at + 12] = r.problem.length
    lengths[at + 13] = r.policy.length
    lengths[at + 14] = r.rule.length
    lengths[at + 15] = r.where.length
    lengths[at + 16] = r.reason.length
    lengths[at + 17] = r.shadow.length
    lengths[at + 18] = r.authMethod.length
    lengths[at + 19] = r.consumer.length
    lengths[at + 20] = r.subject.length
    lengths[at + 21] = r.issuer.length
    lengths[at + 22] = r.credential.length
    lengths[at + 23] = r.target.length
    for (let i = 0; i < TEXTS.length; i++) {
      if ((lengths[at + i] as number) > (TEXT_CAPS[i] as number)) return null
    }
    const text =
      r.id +
      r.traceId +
      r.method +
      r.scheme +
      r.host +
      r.path +
      r.query +
      r.clientIp +
      r.listener +
      r.userAgent +
      r.route +
      r.service +
      r.problem +
      r.policy +
      r.rule +
      r.where +
      r.reason +
      r.shadow +
      r.authMethod +
      r.consumer +
      r.subject +
      r.issuer +
      r.credential +
      r.target
    const { bytes } = this.#ring
    // Every character outside ASCII takes two to four bytes. With room for one of those to spare, as many bytes as
    // characters come out only if all of them are ASCII.
    const length = bytes.write(text, start + TEXT_AT, text.length + LONGEST_CHARACTER, 'utf8')
    if (length !== text.length) return null
    bytes[start + ASCII_AT] = 1
    return length
  }

  /** Text by text, each cut at its cap after a whole character. @returns bytes of text */
  #writeText(record: AccessRecord, start: number): number {
    const { bytes } = this.#ring
    let at = start + TEXT_AT
    for (let i = 0; i < TEXTS.length; i++) {
      const text = TEXTS[i] as Text
      const length = bytes.write(record[text], at, CAPS[text], 'utf8')
      this.#uint16[(start + LENGTHS_AT) / 2 + i] = length
      at += length
    }
    bytes[start + ASCII_AT] = 0
    return at - start - TEXT_AT
  }
}

export class RecordReader {
  readonly #ring: RingReader
  readonly #uint16: Uint16Array
  readonly #record = emptyRecord()

  /** One per worker, in the control thread. */
  constructor(memory: SharedMemory, worker: number) {
    const buffer = memory.rings[worker]
    if (!buffer) throw new RangeError(`no ring for worker ${worker}: there are ${memory.rings.length}`)
    this.#ring = new RingReader(buffer)
    this.#uint16 = new Uint16Array(buffer, this.#ring.bytes.byteOffset, this.#ring.capacity / 2)
  }

  /**
   * Hands over at most `max` records, oldest first, and returns how many. The record is one object, filled anew for
   * each call of `into`: what is wanted of it has to be taken within the call. If `into` throws, its record is lost
   * and the exception goes to the caller.
   */
  drain(max: number, into: (record: AccessRecord) => void): number {
    for (let n = 0; n < max; n++) {
      const start = this.#ring.next()
      if (start < 0) return n
      this.#read(start)
      this.#ring.release()
      into(this.#record)
    }
    return max
  }

  /** Share of the ring that waits, 0 to 1. */
  fill(): number {
    return this.#ring.fill()
  }

  #read(start: number): void {
    const { bytes, float64, int32, length } = this.#ring
    const record = this.#record
    const wide = start / 8
    record.time = float64[wide] as number
    record.duration = float64[wide + 1] as number
    record.upstreamTime = float64[wide + 2] as number
    record.bytesIn = float64[wide + 3] as number
    record.bytesOut = float64[wide + 4] as number
    const half = (start + STATUS_AT) / 4
    record.status = int32[half] as number
    record.worker = int32[half + 1] as number
    record.generation = int32[half + 2] as number
    record.decision = DECISIONS[bytes[start + DECISION_AT] as number] ?? 'error'
    const lengths = (start + LENGTHS_AT) / 2
    if (bytes[start + ASCII_AT] === 1) {
      // One native call for all text, then substrings: 0.9 µs, where 24 calls take 3.3.
      const text = bytes.toString('latin1', start + TEXT_AT, start + length)
      for (let i = 0, at = 0; i < TEXTS.length; i++) {
        const end = at + (this.#uint16[lengths + i] as number)
        record[TEXTS[i] as Text] = text.substring(at, end)
        at = end
      }
      return
    }
    for (let i = 0, at = start + TEXT_AT; i < TEXTS.length; i++) {
      const end = at + (this.#uint16[lengths + i] as number)
      record[TEXTS[i] as Text] = bytes.toString('utf8', at, end)
      at = end
    }
  }
}

/** A record with nothing in it: what a worker fills and reuses. */
export function emptyRecord(): AccessRecord {
  return {
    time: 0,
    duration: 0,
    upstreamTime: -1,
    status: 0,
    bytesIn: 0,
    bytesOut: 0,
    worker: 0,
    generation: 0,
    id: '',
    traceId: '',
    method: '',
    scheme: '',
    host: '',
    path: '',
    query: '',
    clientIp: '',
    listener: '',
    userAgent: '',
    route: '',
    service: '',
    decision: 'answer',
    problem: '',
    policy: '',
    rule: '',
    where: '',
    reason: '',
    shadow: '',
    authMethod: '',
    consumer: '',
    subject: '',
    issuer: '',
    credential: '',
    target: ''
  }
}
