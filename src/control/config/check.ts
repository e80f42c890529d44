/**
 * Checks a tree of nodes against the schema, and finds everything at once: unknown and unsupported keys, missing ones,
 * wrong types, texts that aren't what they should be, names that nothing has, repeated names. Values that came from
 * references get their type here; those without a default that are not read get an example. Long because it is one walk.
 */
import type { Findings } from './findings.ts'
import { didYouMean, type Names, suggestion } from './names.ts'
import { type ListNode, type MappingNode, type Node, type ScalarNode, whereOf } from './nodes.ts'
import { keyElsewhere } from './key-elsewhere.ts'
import { scalarKind } from './scalars.ts'
import type { Shape } from './schema/shapes.ts'

/** Characters of a value that a message shows. */
const SHOWN = 60
const NONE: string[] = []
const NOTHING: Readonly<Record<string, string>> = {}

export class Checker {
  readonly #findings: Findings
  readonly #names: Names
  readonly #path: (string | number)[] = []
  /** What the mappings around may hold, the outermost first. */
  readonly #around: Readonly<Record<string, Shape>>[] = []

  constructor(findings: Findings, names: Names) {
    this.#findings = findings
    this.#names = names
  }

  check(node: Node, shape: Shape): void {
    for (const { offset, message } of node.problems ?? []) this.#findings.error(node, this.#path, message, offset)
    if (node.kind === 'scalar' && node.problems) return
    if (node.kind === 'scalar' && node.value === null)
      return this.#error(node, 'empty value; give it one, or leave the key out')
    const fitting = alternativeFor(node, shape)
    if (fitting === null) return this.#wrongType(node, shape)
    if (node.kind === 'mapping') this.#mapping(node, fitting)
    else if (node.kind === 'list') this.#list(node, fitting)
    else this.#scalar(node, fitting, shape)
  }

  #at(step: string | number, node: Node, shape: Shape): void {
    this.#path.push(step)
    this.check(node, shape)
    this.#path.pop()
  }

  #error(node: Node, message: string, offset = node.offset): void {
    this.#findings.error(node, this.#path, message, offset)
  }

  #errorAt(step: string | number, node: Node, message: string, offset = node.offset): void {
    this.#findings.error(node, [...this.#path, step], message, offset)
  }

  // --- mappings

  #mapping(node: MappingNode, shape: Shape): void {
    if (shape.properties) return this.#keys(node, shape, shape.properties)
    const { keyKind } = shape.x ?? {}
    if (node.entries.size === 0 && shape.minProperties === 1)
      this.#error(node, 'an empty mapping; give it something, or leave the key out')
    const taken = new Map<string, number>()
    for (const [key, entry] of node.entries) {
      const before = taken.get(key.toLowerCase())
      if (keyKind && scalarKind(keyKind).anyCase && before !== undefined)
        this.#errorAt(
          key,
          node,
          `${quoted(key)} is there already, and case makes no difference: see ${whereOf(node.file, before)}`,
          entry.keyOffset
        )
      taken.set(key.toLowerCase(), entry.keyOffset)
      const fault = keyKind ? scalarKind(keyKind).check(key) : null
      if (fault !== null && keyKind)
        this.#errorAt(key, node, misfit(scalarKind(keyKind).expected, fault, quoted(key)), entry.keyOffset)
      this.#at(key, entry.value, shape.additionalProperties || {})
    }
  }

  #keys(node: MappingNode, shape: Shape, properties: Readonly<Record<string, Shape>>): void {
    const unsupported = shape.x?.unsupported ?? NOTHING
    let meant: string[] = NONE
    let later = false
    this.#around.push(properties)
    for (const [key, entry] of node.entries) {
      const known = Object.hasOwn(properties, key) ? properties[key] : undefined
      if (known) {
        this.#at(key, entry.value, known)
      } else if (Object.hasOwn(unsupported, key)) {
        later = true
        this.#errorAt(key, node, `not supported yet: ${key}`, entry.keyOffset)
      } else {
        const all = [...Object.keys(properties), ...Object.keys(unsupported)]
        const near = suggestion(key, all)
        if (near !== null) meant = [...meant, near]
        const hint = near === null ? keyElsewhere(key, this.#around) : null
        this.#errorAt(key, node, unknownKey(key, near, hint, Object.keys(properties)), entry.keyOffset)
      }
    }
    this.#around.pop()
    this.#missing(node, shape, meant, later)
  }

  /** Keys that must be there. Not asked of those that a misspelt key was probably meant to be. */
  #missing(node: MappingNode, shape: Shape, meant: readonly string[], later: boolean): void {
    const has = (key: string) => node.entries.has(key) || meant.includes(key)
    for (const key of shape.required ?? NONE) {
      if (has(key)) continue
      const description = shape.properties?.[key]?.description
      this.#error(node, `"${key}" is missing${description ? ` (${firstSentence(description)})` : ''}`)
    }
    if (shape.x === undefined) return
    const { exactlyOne = NONE, atMostOne = exactlyOne, atLeastOne = exactlyOne } = shape.x
    const [first, second] = atMostOne.filter((key) => node.entries.has(key))
    if (first !== undefined && second !== undefined)
      this.#errorAt(second, node, `"${first}" and "${second}" exclude each other`, node.entries.get(second)?.keyOffset)
    // A key that isn't supported yet may be the one that was meant to be there.
    if (atLeastOne.length > 0 && !later && !atLeastOne.some(has))
      this.#error(node, `expected ${listed(atLeastOne.map((key) => `"${key}"`))} here`)
    if (shape.properties && Object.keys(shape.properties).length === 0 && node.entries.size === 0)
      this.#error(node, 'an empty mapping; give it something, or leave the key out')
  }

  // --- lists

  #list(node: ListNode, shape: Shape): void {
    const { itemsYet, uniqueBy } = shape.x ?? {}
    if (node.items.length < (shape.minItems ?? 0) && !node.problems)
      this.#error(node, 'an empty list; give it something, or leave the key out')
    if (itemsYet !== undefined && node.items.length > itemsYet)
      this.#error(
        node.items[itemsYet] ?? node,
        `not supported yet: more than ${itemsYet === 1 ? 'one' : itemsYet} here`
      )
    const items = shape.items ?? {}
    for (let i = 0; i < node.items.length; i++) this.#at(i, node.items[i] ?? node, items)
    if (uniqueBy !== undefined && node.items.length > 1) this.#unique(node, uniqueBy)
  }

  #unique(node: ListNode, key: string | null): void {
    const taken = new Map<string, Node>()
    for (const [i, item] of node.items.entries()) {
      const name = key === null ? item : item.kind === 'mapping' ? item.entries.get(key)?.value : undefined
      if (name?.kind !== 'scalar' || name.value === null || name.origin === 'placeholder') continue
      const before = taken.get(name.text)
      if (before === undefined) taken.set(name.text, name)
      else if (key === null) this.#findings.warn(name, [...this.#path, i], `${found(name)} is listed twice`)
      else {
        const first = whereOf(before.file, before.offset)
        this.#findings.error(name, [...this.#path, i, key], `the ${key} ${shown(name)} is taken: see ${first}`)
      }
    }
  }

  // --- scalars

  /** `whole` has all alternatives, for the words of the message. */
  #scalar(node: ScalarNode, shape: Shape, whole: Shape): void {
    if (shape.x?.secret && (shape.x.kind !== 'document' || node.text.includes('-----BEGIN '))) node.secret = true
    if (node.unknown) node.value = exampleOf(shape)
    else if (shape.type === 'string') this.#string(node, shape, whole)
    else if (shape.type === 'integer') this.#integer(node, shape)
    else if (shape.type === 'boolean') this.#boolean(node, shape)
    else if (shape.type === 'number') this.#number(node, shape)
  }

  #string(node: ScalarNode, shape: Shape, whole: Shape): void {
    const { value } = node
    if (typeof value !== 'string')
      return this.#error(node, `expected ${expectedOf(whole)}, found ${found(node)}${adviceFor(node, shape)}`)
    const { kind, refersTo } = shape.x ?? {}
    if (shape.enum || shape.const !== undefined) return this.#word(node, value, shape, whole)
    const fault = kind === undefined ? null : scalarKind(kind).check(value)
    if (fault !== null) {
      const what = hides(shape) ? 'something else' : `${found(node)}${this.#near(node, whole)}`
      return this.#error(node, misfit(expectedOf(whole), node.secret ? '' : fault, what))
    }
    const dangling = refersTo === undefined ? null : this.#names.dangling(refersTo, value)
    if (dangling !== null)
      this.#error(node, node.secret ? `no ${refersTo} has the name that the reference gives` : dangling)
  }

  #word(node: ScalarNode, value: string, shape: Shape, whole: Shape): void {
    const words = wordsOf(shape)
    if (value === 'none' && this.#path.at(-1) === 'auth')
      return this.#error(node, '"none" doesn’t exist for auth: to have it open, say public')
    if (!words.includes(value))
      return this.#error(node, `expected ${expectedOf(whole)}, found ${found(node)}${this.#near(node, whole)}`)
    if (shape.x?.supported && !shape.x.supported.includes(value)) this.#notYet(node)
  }

  /** "did you mean" one of the words that may stand here. */
  #near(node: ScalarNode, whole: Shape): string {
    const words = (whole.anyOf ?? [whole]).flatMap(wordsOf)
    return node.secret ? '' : didYouMean(node.text, words)
  }

  #integer(node: ScalarNode, shape: Shape): void {
    const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = shape
    const isNumber = typeof node.value === 'number' || node.origin !== 'written'
    const value = isNumber && /^-?\d{1,15}$/.test(node.text) ? Number(node.text) : Number.NaN
    if (!(value >= minimum && value <= maximum))
      return this.#error(node, `expected a whole number from ${minimum} to ${maximum}, found ${found(node)}`)
    node.value = value
    if (shape.x?.supported && !shape.x.supported.includes(value)) this.#notYet(node)
  }

  #number(node: ScalarNode, shape: Shape): void {
    if (node.origin !== 'written') node.value = Number(node.text)
    if (node.value !== shape.const) this.#error(node, `expected the number ${shape.const}, found ${found(node)}`)
  }

  #boolean(node: ScalarNode, shape: Shape): void {
    if (node.origin !== 'written' && /^(true|false)$/.test(node.text)) node.value = node.text === 'true'
    if (typeof node.value !== 'boolean' || (shape.const !== undefined && node.value !== shape.const))
      return this.#error(node, `expected ${expectedOf(shape)}, found ${found(node)}`)
    if (shape.x?.supported && !shape.x.supported.includes(node.value)) this.#notYet(node)
  }

  #notYet(node: ScalarNode): void {
    const key = this.#path.findLast((step) => typeof step === 'string')
    this.#error(node, `not supported yet: ${key} ${shown(node)}`)
  }

  #wrongType(node: Node, shape: Shape): void {
    const near = node.kind === 'scalar' ? this.#near(node, shape) : ''
    this.#error(node, `expected ${expectedOf(shape)}, found ${found(node)}${near}`)
  }
}

/** The alternative of `shape` that `node` is to be checked against; null when none is of its kind. */
function alternativeFor(node: Node, shape: Shape): Shape | null {
  if (shape.anyOf === undefined) return isFor(node, shape) ? shape : null
  const fitting = shape.anyOf.filter((each) => isFor(node, each))
  if (node.kind !== 'scalar') return fitting[0] ?? null
  const exact = fitting.find((each) => each.const !== undefined && String(each.const) === node.text)
  return exact ?? fitting.find((each) => each.const === undefined) ?? fitting[0] ?? null
}

function isFor(node: Node, shape: Shape): boolean {
  if (node.kind === 'mapping') return shape.type === 'object' || isAnything(shape)
  if (node.kind === 'list') return shape.type === 'array' || isAnything(shape)
  return shape.type !== 'object' && shape.type !== 'array'
}

function isAnything(shape: Shape): boolean {
  return shape.type === undefined && shape.anyOf === undefined
}

function wordsOf(shape: Shape): readonly string[] {
  return shape.enum ?? (typeof shape.const === 'string' ? [shape.const] : [])
}

/** What may stand here, in words. */
function expectedOf(shape: Shape): string {
  if (shape.anyOf) return listed([...new Set(shape.anyOf.map(expectedOf))])
  if (shape.enum) return listed(shape.enum)
  if (shape.const !== undefined) return String(shape.const)
  if (shape.type === 'object') return 'a mapping'
  if (shape.type === 'array') return 'a list'
  if (shape.type === 'boolean') return 'true or false'
  if (shape.type === 'integer') return `a whole number`
  if (shape.x?.refersTo) return `the name of a ${shape.x.refersTo}`
  return shape.x?.kind ? scalarKind(shape.x.kind).expected : 'a value'
}

function exampleOf(shape: Shape): string | number | boolean {
  if (shape.const !== undefined) return shape.const
  if (shape.type === 'integer') return shape.minimum ?? 1
  if (shape.type === 'boolean') return false
  return wordsOf(shape)[0] ?? scalarKind(shape.x?.kind ?? 'text').example
}

/** `fault` qualifies what was expected; one that starts with a colon or comma already says what was found. */
function misfit(expected: string, fault: string, what: string): string {
  return /^[:,]/.test(fault) ? `expected ${expected}${fault}` : `expected ${expected}${fault}, found ${what}`
}

/** How a number, true or false becomes the text that is expected. */
function adviceFor(node: ScalarNode, shape: Shape): string {
  const kind = shape.x?.kind === undefined ? null : scalarKind(shape.x.kind)
  if (kind?.unit && typeof node.value === 'number') return '; add the unit'
  if (shape.enum || (kind !== null && kind.check(node.text) !== null)) return ''
  return node.secret ? '; quote it' : `; quote it: "${node.text}"`
}

function hides(shape: Shape): boolean {
  return shape.x?.kind !== undefined && scalarKind(shape.x.kind).hidden === true
}

/** What stands there, in words; never the value of a secret. */
function found(node: Node): string {
  if (node.kind === 'mapping') return 'a mapping'
  if (node.kind === 'list') return 'a list'
  if (node.secret && node.origin !== 'written') return 'what the reference gives'
  if (node.secret) return typeof node.value === 'string' ? 'something else' : `a ${typeof node.value}`
  if (typeof node.value === 'number') return `the number ${node.text}`
  return typeof node.value === 'string' ? quoted(node.text) : node.text
}

function shown(node: ScalarNode): string {
  return node.secret ? 'that the reference gives' : typeof node.value === 'string' ? quoted(node.text) : node.text
}

function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
}

function unknownKey(key: string, near: string | null, elsewhere: string | null, known: readonly string[]): string {
  if (key === 'mode')
    return '"mode" may stand on ip, auth, validate, external and threats, and on each rule, limit and ban, not here'
  if (key === 'file') return '"file" stands alone: { file: path } is replaced by what the file holds'
  const hint =
    near === null ? (elsewhere ?? `; known here: ${known.join(', ')}`) : `; did you mean ${JSON.stringify(near)}?`
  return `unknown key ${quoted(key)}${known.length > 0 || near !== null ? hint : ''}`
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function firstSentence(text: string): string {
  return (/^.*?[.:;](?=\s|$)/.exec(text)?.[0] ?? text).replace(/[.:;]$/, '')
}
