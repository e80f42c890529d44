/** By byte, 1: may stand in a field's value or a reason phrase (RFC 9110 section 5.5): all but control characters, and the tab. */
export const FIELD_BYTES: Readonly<Uint8Array> = fieldBytes()

function fieldBytes(): Uint8Array {
  const table = new Uint8Array(256).fill(1, 0x20)
  table[0x7f] = 0
  table[0x09] = 1
  return table
}

/**
 * A message's header fields in the order they came: two parallel arrays, because a linear scan over 10-20 short
 * strings is cheaper than building a Map per request, and duplicates keep their order. Names are lower-case; values
 * are Latin-1 text, one char per byte.
 */
export class HeaderList {
  readonly names: string[] = []
  readonly values: string[] = []

  get length(): number {
    return this.names.length
  }

  add(name: string, value: string): void {
    this.names.push(name)
    this.values.push(value)
  }

  /** First value of `name` (lower-case), or undefined. */
  get(name: string): string | undefined {
    const i = this.names.indexOf(name)
    return i < 0 ? undefined : this.values[i]
  }

  has(name: string): boolean {
    return this.names.includes(name)
  }

  /** How often `name` occurs. */
  count(name: string): number {
    let n = 0
    for (let i = this.names.indexOf(name); i >= 0; i = this.names.indexOf(name, i + 1)) n++
    return n
  }

  /** All values of `name` joined with `, `, as RFC 9110 section 5.3 combines them; undefined if there is none. */
  joined(name: string): string | undefined {
    let found: string | undefined
    for (let i = this.names.indexOf(name); i >= 0; i = this.names.indexOf(name, i + 1)) {
      found = found === undefined ? this.values[i] : `${found}, ${this.values[i]}`
    }
    return found
  }

  /** Replaces every occurrence by one, or adds it. */
  set(name: string, value: string): void {
    const i = this.names.indexOf(name)
    if (i < 0) return this.add(name, value)
    this.values[i] = value
    this.#removeFrom(name, i + 1)
  }

  remove(name: string): void {
    this.#removeFrom(name, 0)
  }

  #removeFrom(name: string, from: number): void {
    for (let i = this.names.indexOf(name, from); i >= 0; i = this.names.indexOf(name, i)) {
      this.names.splice(i, 1)
      this.values.splice(i, 1)
    }
  }
}
