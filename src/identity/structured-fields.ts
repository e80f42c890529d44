/**
 * Dictionaries of Structured Fields (RFC 9651 section 3.2), strictly, as far as message signatures and digests use them:
 * strings, integers, booleans, tokens and byte sequences. A key that comes twice is refused, where the RFC lets the last
 * one win: two readers of one field must not see two values.
 */

export interface Bare {
  readonly type: 'string' | 'integer' | 'boolean' | 'token' | 'bytes'
  readonly value: string | number | boolean | Buffer
  /** In its one canonical spelling (RFC 9651 section 4.1). */
  readonly text: string
}

export interface Item extends Bare {
  readonly params: Params
}

export interface InnerList {
  readonly items: readonly Item[]
  readonly params: Params
}

export type Params = ReadonlyMap<string, Bare>

/** null: it is no such dictionary. */
export function parseDictionary(text: string): ReadonlyMap<string, Item | InnerList> | null {
  try {
    return new Reader(text).dictionary()
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** `;name=value` for each, in order (RFC 9651 section 4.1.1.2). */
export function paramsText(params: Params): string {
  let text = ''
  for (const [name, { type, value, text: spelling }] of params) {
    text += type === 'boolean' && value === true ? `;${name}` : `;${name}=${spelling}`
  }
  return text
}

class Malformed extends Error {}

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const DIGITS = '0123456789'
const KEY = `${LOWER}${DIGITS}_-.*`
const TOKEN = `${KEY}${LOWER.toUpperCase()}!#$%&'+^\`|~:/`
/** RFC 9651 section 3.3.1: at most 15 digits. */
const MAX_DIGITS = 15

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  dictionary(): Map<string, Item | InnerList> {
    const members = new Map<string, Item | InnerList>()
    this.#spaces()
    for (;;) {
      const key = this.#key()
      if (members.has(key)) throw new Malformed()
      members.set(key, this.#member())
      this.#blanks()
      if (this.#at === this.#text.length) return members
      this.#expect(',')
      this.#blanks()
    }
  }

  #member(): Item | InnerList {
    if (!this.#take('=')) return { type: 'boolean', value: true, text: '?1', params: this.#params() }
    return this.#peek() === '(' ? this.#list() : this.#item()
  }

  #list(): InnerList {
    const items: Item[] = []
    this.#expect('(')
    for (;;) {
      this.#spaces()
      if (this.#take(')')) return { items, params: this.#params() }
      items.push(this.#item())
      const next = this.#peek()
      if (next !== ' ' && next !== ')') throw new Malformed()
    }
  }

  #item(): Item {
    const bare = this.#bare()
    return { ...bare, params: this.#params() }
  }

  #params(): Params {
    const params = new Map<string, Bare>()
    while (this.#take(';')) {
      this.#spaces()
      const key = this.#key()
      if (params.has(key)) throw new Malformed()
      params.set(key, this.#take('=') ? this.#bare() : { type: 'boolean', value: true, text: '?1' })
    }
    return params
  }

  #bare(): Bare {
    const first = this.#peek()
    if (first === '"') return this.#string()
    if (first === ':') return this.#bytes()
    if (first === '?') return this.#boolean()
    if (first === '-' || DIGITS.includes(first)) return this.#integer()
    if (!/[A-Za-z*]/.test(first)) throw new Malformed()
    const text = this.#run(TOKEN)
    return { type: 'token', value: text, text }
  }

  #string(): Bare {
    const start = this.#at
    let value = ''
    this.#expect('"')
    for (;;) {
      const c = this.#next()
      if (c === '"') break
      if (c === '\\') {
        const escaped = this.#next()
        if (escaped !== '"' && escaped !== '\\') throw new Malformed()
        value += escaped
      } else if (c < ' ' || c > '~') throw new Malformed()
      else value += c
    }
    return { type: 'string', value, text: this.#text.slice(start, this.#at) }
  }

  #bytes(): Bare {
    this.#expect(':')
    const end = this.#text.indexOf(':', this.#at)
    if (end < 0) throw new Malformed()
    const encoded = this.#text.slice(this.#at, end)
    const value = Buffer.from(encoded, 'base64')
    if (value.toString('base64') !== encoded) throw new Malformed()
    this.#at = end + 1
    return { type: 'bytes', value, text: `:${encoded}:` }
  }

  #boolean(): Bare {
    this.#expect('?')
    const value = this.#next()
    if (value !== '0' && value !== '1') throw new Malformed()
    return { type: 'boolean', value: value === '1', text: `?${value}` }
  }

  #integer(): Bare {
    const sign = this.#take('-') ? -1 : 1
    const digits = this.#run(DIGITS)
    if (digits === '' || digits.length > MAX_DIGITS || this.#peek() === '.') throw new Malformed()
    const value = sign * Number(digits)
    return { type: 'integer', value, text: String(value) }
  }

  #key(): string {
    if (!`${LOWER}*`.includes(this.#peek() || '!')) throw new Malformed()
    return this.#run(KEY)
  }

  #run(of: string): string {
    const start = this.#at
    while (this.#at < this.#text.length && of.includes(this.#text.charAt(this.#at))) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** '' at the end. */
  #peek(): string {
    return this.#text.charAt(this.#at)
  }

  #next(): string {
    if (this.#at >= this.#text.length) throw new Malformed()
    return this.#text.charAt(this.#at++)
  }

  #take(c: string): boolean {
    if (this.#peek() !== c) return false
    this.#at++
    return true
  }

  #expect(c: string): void {
    if (!this.#take(c)) throw new Malformed()
  }

  #spaces(): void {
    while (this.#peek() === ' ') this.#at++
  }

  #blanks(): void {
    while (this.#peek() === ' ' || this.#peek() === '\t') this.#at++
  }
}
