/**
 * An AccessRecord as one line of JSON. The field names and their order are part of the product: others parse them.
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
 */
import type { AccessRecord } from './record.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SIZE = 64 * 1024
/** Names, numbers and punctuation of a line, bytes: more than all of them take. */
const FRAME = 1024
/** Bytes of the longest escape of one UTF-16 unit. */
const LONGEST_ESCAPE = 6

/** ISO text of the second that the last line ended in: a second has thousands of lines. */
let second = NaN
let secondText = ''

/**
 * Access lines, put together as bytes one behind the other. Every character is checked and written in one pass: a line
 * concatenated of 60 strings had to be flattened and encoded again, which was half of the control thread's time.
 */
export class AccessLines {
  #bytes: Buffer = Buffer.allocUnsafeSlow(SIZE)
  #length = 0
  #count = 0

  /** Lines since the last `take`. */
  get count(): number {
    return this.#count
  }

  /**
   * @param labels from `labelsJson`, or '' for none
   * @returns the line's bytes with its `\n`, valid until the next call
   */
  add(record: AccessRecord, labels = ''): Uint8Array {
    this.#makeRoom(FRAME + labels.length + LONGEST_ESCAPE * textLength(record))
    const start = this.#length
    const end = writeLine(this.#bytes, start, record, labels)
    this.#length = end
    this.#count++
    return this.#bytes.subarray(start, end)
  }

  /** All lines since the last call, for the caller to keep; null: none. */
  take(): Buffer | null {
    if (this.#length === 0) return null
    const lines = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    this.#count = 0
    return lines
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + bytes))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
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
  const bytes = Buffer.allocUnsafe(LONGEST_ESCAPE * text.length + 2)
  return bytes.toString('latin1', 0, quoted(bytes, 0, text))
}

/** UTF-16 units of everything in a record that isn't of the gateway's own making or a number. */
function textLength(r: AccessRecord): number {
  return (
    r.id.length +
    r.clientIp.length +
    r.method.length +
    r.scheme.length +
    r.host.length +
    r.path.length +
    r.query.length +
    r.route.length +
    r.service.length +
    r.problem.length +
    r.policy.length +
    r.rule.length +
    r.where.length +
    r.reason.length +
    r.shadow.length +
    r.authMethod.length +
    r.consumer.length +
    r.subject.length +
    r.issuer.length +
    r.credential.length +
    r.target.length +
    r.traceId.length +
    r.userAgent.length +
    r.listener.length
  )
}

function writeLine(bytes: Buffer, start: number, r: AccessRecord, labels: string): number {
  let at = plain(bytes, start, '{"time":"')
  at = iso(bytes, at, r.time)
  at = plain(bytes, at, '"')
  at = field(bytes, at, ',"id":', r.id)
  at = field(bytes, at, ',"client":', r.clientIp)
  at = field(bytes, at, ',"method":', r.method)
  at = field(bytes, at, ',"scheme":', r.scheme)
  at = field(bytes, at, ',"host":', r.host)
  at = field(bytes, at, ',"path":', r.path)
  at = field(bytes, at, ',"query":', r.query)
  at = number(bytes, at, ',"status":', r.status)
  at = field(bytes, at, ',"decision":', r.decision)
  at = field(bytes, at, ',"route":', r.route)
  at = field(bytes, at, ',"service":', r.service)
  at = field(bytes, at, ',"problem":', r.problem)
  at = field(bytes, at, ',"policy":', r.policy)
  at = field(bytes, at, ',"rule":', r.rule)
  at = field(bytes, at, ',"where":', r.where)
  at = field(bytes, at, ',"reason":', r.reason)
  at = field(bytes, at, ',"shadow":', r.shadow)
  at = field(bytes, at, ',"auth":', r.authMethod)
  at = field(bytes, at, ',"consumer":', r.consumer)
  at = field(bytes, at, ',"subject":', r.subject)
  at = field(bytes, at, ',"issuer":', r.issuer)
  at = field(bytes, at, ',"credential":', r.credential)
  at = field(bytes, at, ',"target":', r.target)
  at = number(bytes, at, ',"ms":', ms(r.duration))
  if (r.upstreamTime >= 0) at = number(bytes, at, ',"upstreamMs":', ms(r.upstreamTime))
  at = number(bytes, at, ',"bytesIn":', r.bytesIn)
  at = number(bytes, at, ',"bytesOut":', r.bytesOut)
  at = field(bytes, at, ',"trace":', r.traceId)
  at = field(bytes, at, ',"agent":', r.userAgent)
  at = field(bytes, at, ',"listener":', r.listener)
  at = number(bytes, at, ',"worker":', r.worker)
  at = number(bytes, at, ',"generation":', r.generation)
  if (labels !== '') at = plain(bytes, plain(bytes, at, ',"labels":'), labels)
  return plain(bytes, at, '}\n')
}

/** Text known to be ASCII that needs no escape. Returns, as all of these, the offset behind. */
function plain(bytes: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

function number(bytes: Buffer, at: number, name: string, value: number): number {
  return plain(bytes, plain(bytes, at, name), String(value))
}

function field(bytes: Buffer, at: number, name: string, value: string): number {
  return value === '' ? at : quoted(bytes, plain(bytes, at, name), value)
}

function quoted(bytes: Buffer, start: number, text: string): number {
  let at = start
  bytes[at++] = QUOTE
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return escaped(bytes, at, text, i)
    bytes[at++] = code
  }
  bytes[at++] = QUOTE
  return at
}

/** The rest of a text from `from` on, and the quote behind it. A surrogate without its other half becomes U+FFFD. */
function escaped(bytes: Buffer, start: number, text: string, from: number): number {
  let at = start
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE || code === BACKSLASH) {
      bytes[at++] = BACKSLASH
      bytes[at++] = code
    } else if (code >= 0x20 && code <= 0x7e) bytes[at++] = code
    else if ((code & 0xf800) !== 0xd800) at = plain(bytes, at, unicode(code))
    else if (code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      at = plain(bytes, plain(bytes, at, unicode(code)), unicode(text.charCodeAt(++i)))
    } else at = plain(bytes, at, '\\ufffd')
  }
  bytes[at++] = QUOTE
  return at
}

function unicode(code: number): string {
  return '\\u' + code.toString(16).padStart(4, '0')
}

/** µs as ms with three decimals. */
function ms(us: number): number {
  return Math.round(us) / 1000
}

function iso(bytes: Buffer, at: number, time: number): number {
  const whole = Math.floor(time / 1000)
  if (whole !== second) {
    second = whole
    secondText = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  const rest = Math.floor(time - whole * 1000)
  return plain(bytes, at, secondText + (rest < 10 ? '00' : rest < 100 ? '0' : '') + rest + 'Z')
}
