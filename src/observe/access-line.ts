/**
 * An AccessRecord as one line of JSON, put together as bytes. The field names and their order are part of the product: others parse them.
 * Fields are added at the end of their group and never renamed. A field whose value is '' is left out.
 *
 *     time          ISO 8601, UTC, ms: when the exchange ended
 *     id            X-Request-Id
 *     client        the client's address
 *     method scheme host path query
 *     status        as answered; 499 if the client left first
 *     decision      forward, answer, deny, error or abort
 *     route service
 *     problem policy rule where reason     why it was refused, down to the line of the configuration
 *     shadow        policies that would have denied, comma-separated
 *     auth consumer subject issuer credential
 *     target        host:port of the upstream that was asked
 *     ms            first byte in to last byte out
 *     upstreamMs    request handed over to the upstream's head; left out when none was asked
 *     bytesIn bytesOut     body bytes from and to the client
 *     trace         trace id
 *     agent         User-Agent
 *     listener worker generation
 *     labels        the service's and route's, an object
 *
 * Every client-supplied string is hostile. All but printable ASCII is written as \u escapes, which any JSON parser
 * turns back: no line break, no terminal sequence and no bidirectional trick reaches a log, whatever reads it.
 *
 * What an outcome and a client say is the same line after line, and is made into bytes when it is told (repeats.ts): a
 * line is ten such pieces with the record's own texts and numbers between them.
 */
import { JsonBytes } from './json-bytes.ts'
import type { Client, Outcome } from './record.ts'
import type { OwnPart } from './record-reader.ts'

const SIZE = 64 * 1024

/** What lines of one outcome have in common. */
export class OutcomeText {
  readonly json = new JsonBytes(0)
  /** Ends of the pieces: behind `scheme`, behind `shadow`, behind the name `ms`; the last ends with the line. */
  asked = 0
  decided = 0
  forwarded = 0

  /** @param labels from `labelsJson`, or '' for none */
  write(r: Outcome, labels: string): void {
    const { json } = this
    json.length = 0
    field(json, ',"method":', r.method)
    field(json, ',"scheme":', r.scheme)
    this.asked = json.length
    json.plain(',"status":')
    json.number(r.status)
    field(json, ',"decision":', r.decision)
    field(json, ',"route":', r.route)
    field(json, ',"service":', r.service)
    field(json, ',"problem":', r.problem)
    field(json, ',"policy":', r.policy)
    field(json, ',"rule":', r.rule)
    field(json, ',"where":', r.where)
    field(json, ',"reason":', r.reason)
    field(json, ',"shadow":', r.shadow)
    this.decided = json.length
    field(json, ',"target":', r.target)
    json.plain(',"ms":')
    this.forwarded = json.length
    field(json, ',"listener":', r.listener)
    json.plain(',"worker":')
    json.number(r.worker)
    json.plain(',"generation":')
    json.number(r.generation)
    if (labels !== '') {
      json.plain(',"labels":')
      json.plain(labels)
    }
    json.plain('}\n')
  }
}

/** What lines of one client have in common. */
export class ClientText {
  readonly json = new JsonBytes(0)
  /** Ends of the pieces: behind `client`, behind `host`, behind `credential`; the last is `agent`. */
  address = 0
  host = 0
  caller = 0

  write(r: Client): void {
    const { json } = this
    json.length = 0
    field(json, ',"client":', r.clientIp)
    this.address = json.length
    field(json, ',"host":', r.host)
    this.host = json.length
    field(json, ',"auth":', r.authMethod)
    field(json, ',"consumer":', r.consumer)
    field(json, ',"subject":', r.subject)
    field(json, ',"issuer":', r.issuer)
    field(json, ',"credential":', r.credential)
    this.caller = json.length
    field(json, ',"agent":', r.userAgent)
  }
}

const ID = JsonBytes.of(',"id":')
const PATH = JsonBytes.of(',"path":')
const QUERY = JsonBytes.of(',"query":')
const UPSTREAM_MS = JsonBytes.of(',"upstreamMs":')
const BYTES_IN = JsonBytes.of(',"bytesIn":')
const BYTES_OUT = JsonBytes.of(',"bytesOut":')
const TRACE = JsonBytes.of(',"trace":')

/** Access lines, one behind the other. */
export class AccessLines {
  readonly #json = new JsonBytes(SIZE)
  readonly #stamp = new Stamp()
  #count = 0

  /** Lines since the last `take`. */
  get count(): number {
    return this.#count
  }

  add(own: OwnPart, outcome: OutcomeText, client: ClientText): void {
    const json = this.#json
    const { bytes, textAt } = own
    const traceAt = textAt + own.idLength
    const pathAt = traceAt + own.traceIdLength
    const queryAt = pathAt + own.pathLength
    const end = queryAt + own.queryLength
    json.append(this.#stamp.at(own.time))
    text(json, ID, bytes, textAt, traceAt)
    json.append(client.json, 0, client.address)
    json.append(outcome.json, 0, outcome.asked)
    json.append(client.json, client.address, client.host)
    text(json, PATH, bytes, pathAt, queryAt)
    text(json, QUERY, bytes, queryAt, end)
    json.append(outcome.json, outcome.asked, outcome.decided)
    json.append(client.json, client.host, client.caller)
    json.append(outcome.json, outcome.decided, outcome.forwarded)
    json.thousandths(own.duration)
    if (own.upstreamTime >= 0) {
      json.append(UPSTREAM_MS)
      json.thousandths(own.upstreamTime)
    }
    json.append(BYTES_IN)
    json.number(own.bytesIn)
    json.append(BYTES_OUT)
    json.number(own.bytesOut)
    text(json, TRACE, bytes, traceAt, pathAt)
    json.append(client.json, client.caller)
    json.append(outcome.json, outcome.forwarded)
    this.#count++
  }

  /** All lines since the last call, for the caller to keep; null: none. */
  take(): Buffer | null {
    if (this.#count === 0) return null
    const lines = this.#json.take()
    this.#json.length = 0
    this.#count = 0
    return lines
  }
}

/** How a line begins: a second has thousands of them, and a millisecond some. */
class Stamp {
  readonly #json = new JsonBytes(64)
  #second = NaN
  #ms = NaN

  at(time: number): JsonBytes {
    const ms = Math.floor(time)
    if (ms === this.#ms) return this.#json
    const json = this.#json
    const second = Math.floor(ms / 1000)
    if (second !== this.#second) {
      json.length = 0
      json.plain('{"time":"')
      json.plain(new Date(second * 1000).toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss.'.length))
      json.plain('000Z"')
      this.#second = second
    }
    json.length -= '000Z"'.length
    json.digits(ms - second * 1000, 3)
    json.plain('Z"')
    this.#ms = ms
    return json
  }
}

/** A route's labels, once per generation: '' when it has none. */
export function labelsJson(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels)
  return entries.length === 0
    ? ''
    : `{${entries.map(([name, value]) => `${quotedText(name)}:${quotedText(value)}`).join(',')}}`
}

function quotedText(text: string): string {
  const json = new JsonBytes(0)
  json.quoted(text)
  return json.toString()
}

function field(json: JsonBytes, name: string, value: string): void {
  if (value === '') return
  json.plain(name)
  json.quoted(value)
}

function text(json: JsonBytes, name: JsonBytes, bytes: Buffer, start: number, end: number): void {
  if (start === end) return
  json.append(name)
  json.quotedUtf8(bytes, start, end)
}
