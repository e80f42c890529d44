import { COUNTER, type Counters } from '../memory/counters.ts'
import { RingWriter } from '../memory/ring.ts'
import type { SharedMemory } from '../memory/shared.ts'
import {
  ASCII,
  CLIENT,
  CLIENT_AT,
  CLIENT_TOLD,
  DECISION_AT,
  DECISIONS,
  FLAGS_AT,
  LARGEST_RECORD,
  LONGEST_CHARACTER,
  MOST_TEXT,
  OUTCOME,
  OUTCOME_AT,
  OUTCOME_TOLD,
  OWN,
  SHORT_TEXT_AT,
  STATUS_AT,
  TEXT_AT,
  type Texts,
  type TextsOf
} from './layout.ts'
import type { AccessRecord, Client, Outcome, OwnTexts } from './record.ts'
import { CLIENTS, OUTCOMES, ToldClient, ToldOutcome } from './repeats.ts'

/** Above this share, refusals are counted instead of recorded: a flood of them can't push out what got through. */
const REFUSALS_UP_TO = 0.75

/** A worker's end of its ring. */
export class RecordWriter {
  readonly #ring: RingWriter
  readonly #counters: Counters
  readonly #uint16: Uint16Array
  readonly #outcomes = Array.from({ length: OUTCOMES }, (): ToldOutcome | null => null)
  readonly #clients = Array.from({ length: CLIENTS }, () => new ToldClient())

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
    if (record.decision === 'deny' && ring.isFullerThan(REFUSALS_UP_TO)) {
      this.#counters.add(COUNTER.refusalsNotRecorded)
      return false
    }
    const start = ring.reserve(LARGEST_RECORD)
    if (start < 0) {
      this.#counters.add(COUNTER.recordsDropped)
      return false
    }
    const outcomePlace = ToldOutcome.place(record)
    const clientPlace = ToldClient.place(record)
    const outcome = (this.#outcomes[outcomePlace] ??= new ToldOutcome())
    const client = this.#clients[clientPlace] as ToldClient
    const tellsOutcome = !outcome.holds(record)
    const tellsClient = !client.holds(record)
    const { bytes, float64 } = ring
    const wide = start / 8
    float64[wide] = record.time
    float64[wide + 1] = record.duration
    float64[wide + 2] = record.upstreamTime
    float64[wide + 3] = record.bytesIn
    float64[wide + 4] = record.bytesOut
    this.#uint16[(start + OUTCOME_AT) / 2] = outcomePlace
    this.#uint16[(start + CLIENT_AT) / 2] = clientPlace
    bytes[start + FLAGS_AT] = (tellsOutcome ? OUTCOME_TOLD : 0) | (tellsClient ? CLIENT_TOLD : 0) | ASCII
    if (tellsOutcome) {
      const { int32 } = ring
      bytes[start + DECISION_AT] = DECISIONS.indexOf(record.decision)
      const half = (start + STATUS_AT) / 4
      int32[half] = record.status
      int32[half + 1] = record.worker
      int32[half + 2] = record.generation
    }
    const textAt = tellsOutcome || tellsClient ? TEXT_AT : SHORT_TEXT_AT
    const at = start + textAt
    const length =
      this.#writeAscii(record, start, at, tellsOutcome, tellsClient) ??
      this.#writeText(record, start, at, tellsOutcome, tellsClient)
    ring.publish(textAt + length)
    // Only what was published was told.
    if (tellsOutcome) outcome.keep(record)
    if (tellsClient) client.keep(record)
    return true
  }

  /** Share of the ring that waits for the control thread, 0 to 1. */
  fill(): number {
    return this.#ring.fill()
  }

  /**
   * All text in one native call, which is how nearly every record is: a call for each takes three times as long
   * (measured). Written out field by field, in the order of the caps: looking each up by its name costs a quarter more.
   *
   * @returns bytes of text; null when a text is longer than its cap or not ASCII, and nothing is written
   */
  #writeAscii(r: AccessRecord, start: number, at: number, tellsOutcome: boolean, tellsClient: boolean): number | null {
    const lengths = this.#uint16
    const own = (start + OWN.at) / 2
    lengths[own] = r.id.length
    lengths[own + 1] = r.traceId.length
    lengths[own + 2] = r.path.length
    lengths[own + 3] = r.query.length
    if (!this.#fit(OWN.caps, own)) return null
    let text = r.id + r.traceId + r.path + r.query
    if (tellsOutcome) {
      const told = (start + OUTCOME.at) / 2
      lengths[told] = r.method.length
      lengths[told + 1] = r.scheme.length
      lengths[told + 2] = r.listener.length
      lengths[told + 3] = r.route.length
      lengths[told + 4] = r.service.length
      lengths[told + 5] = r.problem.length
      lengths[told + 6] = r.policy.length
      lengths[told + 7] = r.rule.length
      lengths[told + 8] = r.where.length
      lengths[told + 9] = r.reason.length
      lengths[told + 10] = r.shadow.length
      lengths[told + 11] = r.target.length
      if (!this.#fit(OUTCOME.caps, told)) return null
      text += r.method + r.scheme + r.listener + r.route + r.service + r.problem
      text += r.policy + r.rule + r.where + r.reason + r.shadow + r.target
    }
    if (tellsClient) {
      const told = (start + CLIENT.at) / 2
      lengths[told] = r.clientIp.length
      lengths[told + 1] = r.host.length
      lengths[told + 2] = r.userAgent.length
      lengths[told + 3] = r.authMethod.length
      lengths[told + 4] = r.consumer.length
      lengths[told + 5] = r.subject.length
      lengths[told + 6] = r.issuer.length
      lengths[told + 7] = r.credential.length
      if (!this.#fit(CLIENT.caps, told)) return null
      text += r.clientIp + r.host + r.userAgent + r.authMethod + r.consumer + r.subject + r.issuer + r.credential
    }
    // A length above 65,535 went round in its uint16, and looked as if it fitted.
    if (text.length > MOST_TEXT) return null
    // Every character outside ASCII takes two to four bytes. With room for one of those to spare, as many bytes as
    // characters come out only if all of them are ASCII.
    const length = this.#ring.bytes.write(text, at, text.length + LONGEST_CHARACTER, 'utf8')
    return length === text.length ? length : null
  }

  /** Whether the lengths from `at` on are within `caps`. */
  #fit(caps: readonly number[], at: number): boolean {
    for (let i = 0; i < caps.length; i++) if ((this.#uint16[at + i] as number) > (caps[i] as number)) return false
    return true
  }

  /** Text by text, each cut at its cap after a whole character. @returns bytes of text */
  #writeText(record: AccessRecord, start: number, textAt: number, tellsOutcome: boolean, tellsClient: boolean): number {
    let at = this.#writeTexts(record, OWN, start, textAt)
    if (tellsOutcome) at = this.#writeTexts(record, OUTCOME, start, at)
    if (tellsClient) at = this.#writeTexts(record, CLIENT, start, at)
    const { bytes } = this.#ring
    bytes[start + FLAGS_AT] = (tellsOutcome ? OUTCOME_TOLD : 0) | (tellsClient ? CLIENT_TOLD : 0)
    return at - textAt
  }

  #writeTexts<T extends OwnTexts | Outcome | Client>(
    record: T,
    texts: Texts<T>,
    start: number,
    textAt: number
  ): number {
    let at = textAt
    for (let i = 0; i < texts.names.length; i++) {
      const text = record[texts.names[i] as TextsOf<T>] as string
      const length = this.#ring.bytes.write(text, at, texts.caps[i] as number, 'utf8')
      this.#uint16[(start + texts.at) / 2 + i] = length
      at += length
    }
    return at
  }
}
