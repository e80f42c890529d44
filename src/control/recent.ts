/**
 * The access lines of the last requests, for `gatehouse explain REQUEST-ID`: bounded in bytes, and with no index. A
 * look-up searches the bytes (2 ms in 8 MB), because it happens when a person asks, and keeping an index would cost
 * every request. Two halves: when one is full the other is begun anew, so what is remembered is always between half
 * of the bytes and all of them.
 */
const NEWLINE = 0x0a

/** An access line as it was written; what it leaves out is absent. See observe/access-line.ts. */
export type AccessFields = Readonly<Record<string, unknown>>

interface Half {
  bytes: Buffer
  used: number
  lines: number
}

export class RecentRequests {
  readonly #size: number
  #current: Half
  #before: Half

  /** @param bytes of lines kept at most; 0: none */
  constructor(bytes: number) {
    this.#size = Math.floor(bytes / 2)
    this.#current = this.#half()
    this.#before = this.#half()
  }

  get enabled(): boolean {
    return this.#size > 0
  }

  /** Requests remembered. */
  get count(): number {
    return this.#current.lines + this.#before.lines
  }

  /**
   * @param lines ASCII, each with its line break at the end
   * @param count how many they are
   */
  add(lines: Buffer, count: number): void {
    if (this.#current.used + lines.length <= this.#size) {
      this.#put(lines, count)
      return
    }
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(NEWLINE, start) + 1
      this.#addOne(lines.subarray(start, end))
      start = end
    }
  }

  /** The last one of that id; null when there is none, or none any more. */
  find(id: string): AccessFields | null {
    return findIn(this.#current, id) ?? findIn(this.#before, id)
  }

  /** The oldest remembered. */
  oldest(): AccessFields | null {
    const half = this.#before.used > 0 ? this.#before : this.#current
    return half.used === 0 ? null : lineAt(half, 0)
  }

  #addOne(line: Buffer): void {
    if (line.length > this.#size) return
    if (this.#current.used + line.length > this.#size) this.#turn()
    this.#put(line, 1)
  }

  #put(lines: Buffer, count: number): void {
    const half = this.#current
    half.bytes.set(lines, half.used)
    half.used += lines.length
    half.lines += count
  }

  #turn(): void {
    const emptied = this.#before
    this.#before = this.#current
    this.#current = emptied
    emptied.used = 0
    emptied.lines = 0
  }

  #half(): Half {
    return { bytes: Buffer.allocUnsafeSlow(this.#size), used: 0, lines: 0 }
  }
}

/** In a line a quote within a text is escaped, so this can only be a member's name; whether of the line itself or of its labels is looked at. */
function findIn(half: Half, id: string): AccessFields | null {
  const wanted = Buffer.from(`"id":${JSON.stringify(id)}`)
  const written = half.bytes.subarray(0, half.used)
  for (let at = written.lastIndexOf(wanted); at >= 0; at = at === 0 ? -1 : written.lastIndexOf(wanted, at - 1)) {
    const line = lineAt(half, written.lastIndexOf(NEWLINE, at) + 1)
    if (line['id'] === id) return line
  }
  return null
}

function lineAt(half: Half, start: number): AccessFields {
  const end = half.bytes.indexOf(NEWLINE, start)
  return JSON.parse(half.bytes.toString('latin1', start, end)) as AccessFields
}
