/**
 * JSON (RFC 8259) into nodes with positions. Strict, and quick enough for tens of thousands of lines, which a YAML
 * parser is not (10,000 consumers: 40 ms here, over a second there).
 */
import { addProblem, broken, type MappingNode, type Node, scalar, type SourceFile } from './nodes.ts'

const MAX_DEPTH = 64
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null]
] as const
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** Characters of a string up to the next escape, quote or control character. */
const PLAIN = /[^"\\\u0000-\u001f]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t'
}

class SyntaxFault {
  readonly offset: number
  readonly message: string
  constructor(offset: number, message: string) {
    this.offset = offset
    this.message = message
  }
}

/** One JSON value between `start` and `end` of `text`, nothing but white space around it. */
export function parseJson(file: SourceFile, text: string, start = 0, end = text.length): Node {
  const reader = new Reader(file, text, start, end)
  try {
    return reader.document()
  } catch (fault) {
    if (fault instanceof SyntaxFault) return broken(file, [{ offset: fault.offset, message: fault.message }])
    throw fault
  }
}

class Reader {
  readonly #file: SourceFile
  readonly #text: string
  readonly #end: number
  #at: number

  constructor(file: SourceFile, text: string, start: number, end: number) {
    this.#file = file
    this.#text = text
    this.#at = start
    this.#end = end
  }

  document(): Node {
    const node = this.#value(0)
    this.#space()
    if (this.#at < this.#end) throw new SyntaxFault(this.#at, 'not JSON: something follows the value')
    return node
  }

  #value(depth: number): Node {
    this.#space()
    const at = this.#at
    const first = this.#peek()
    if (depth > MAX_DEPTH) throw new SyntaxFault(at, `nested deeper than ${MAX_DEPTH} levels`)
    if (first === '{') return this.#mapping(depth)
    if (first === '[') return this.#list(depth)
    if (first === '"') {
      const text = this.#string()
      return scalar(this.#file, at, text, text)
    }
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, at) && at + word.length <= this.#end) {
        this.#at += word.length
        return scalar(this.#file, at, value, word)
      }
    }
    NUMBER.lastIndex = at
    const number = NUMBER.exec(this.#text)?.[0]
    if (number === undefined || at + number.length > this.#end) {
      const found = first === '' ? 'the end' : JSON.stringify(first)
      throw new SyntaxFault(at, `not JSON: expected a value, found ${found}`)
    }
    this.#at += number.length
    return scalar(this.#file, at, Number(number), number)
  }

  #list(depth: number): Node {
    const offset = this.#at++
    if (this.#take(']')) return { kind: 'list', file: this.#file, offset, items: [] }
    // An array that begins empty makes room for 17 at its first push, and most lists hold one.
    const items = [this.#value(depth + 1)]
    while (this.#take(',')) items.push(this.#value(depth + 1))
    this.#expect(']', 'a comma or the list’s end')
    return { kind: 'list', file: this.#file, offset, items }
  }

  #mapping(depth: number): Node {
    const node: MappingNode = { kind: 'mapping', file: this.#file, offset: this.#at++, entries: new Map() }
    if (this.#take('}')) return node
    do {
      this.#space()
      const keyOffset = this.#at
      if (this.#peek() !== '"') throw new SyntaxFault(keyOffset, 'not JSON: expected a key in double quotes')
      const key = this.#string()
      this.#expect(':', 'a colon')
      const value = this.#value(depth + 1)
      addEntry(node, key, keyOffset, value)
    } while (this.#take(','))
    this.#expect('}', 'a comma or the mapping’s end')
    return node
  }

  #string(): string {
    const text = this.#text
    let result = ''
    this.#at++
    for (;;) {
      PLAIN.lastIndex = this.#at
      const run = PLAIN.exec(text)?.[0] ?? ''
      result += run
      this.#at += run.length
      const stop = this.#peek()
      if (stop === '"') {
        this.#at++
        return result
      }
      if (stop !== '\\') throw new SyntaxFault(this.#at, 'not JSON: the string does not end on its line')
      result += this.#escape()
    }
  }

  #escape(): string {
    const at = this.#at
    const letter = this.#text[at + 1] ?? ''
    if (letter === 'u') {
      const hex = this.#text.slice(at + 2, at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw new SyntaxFault(at, 'not JSON: \\u needs four hex digits')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const meaning = ESCAPES[letter]
    if (meaning === undefined) throw new SyntaxFault(at, 'not JSON: unknown escape')
    this.#at += 2
    return meaning
  }

  #peek(): string {
    return this.#at < this.#end ? (this.#text[this.#at] ?? '') : ''
  }

  #space(): void {
    for (; this.#at < this.#end; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return
    }
  }

  #take(mark: string): boolean {
    this.#space()
    if (this.#peek() !== mark) return false
    this.#at++
    return true
  }

  #expect(mark: string, what: string): void {
    if (!this.#take(mark)) throw new SyntaxFault(this.#at, `not JSON: expected ${what}`)
  }
}

/** Adds a key, or the problem with it: a second value for one key would silently win over the first. */
export function addEntry(node: MappingNode, key: string, keyOffset: number, value: Node): void {
  if (key === '__proto__') addProblem(node, keyOffset, 'the key "__proto__" is not allowed')
  else if (node.entries.has(key)) addProblem(node, keyOffset, `the key ${JSON.stringify(key)} stands here twice`)
  else node.entries.set(key, { keyOffset, value })
}
