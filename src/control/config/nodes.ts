/**
 * What a configuration file holds, with the place of every value: the same tree for YAML, JSON, lines of JSON and
 * lines of text. Each pass (references, inclusion, checking) works on it; what a pass finds wrong it leaves in the
 * node, and the checker, which knows the key path, reports it.
 */
import type { Where } from '../../plan/policy.ts'

/** A file that was read. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string
  /** As messages call it. */
  readonly shown: string
  /** Offset of each line's first character. */
  readonly lineStarts: readonly number[]
}

/** Something wrong at a place; the node that holds it is not checked further. */
export interface Problem {
  readonly offset: number
  readonly message: string
}

interface Place {
  readonly file: SourceFile
  readonly offset: number
  problems?: Problem[]
}

export interface ScalarNode extends Place {
  readonly kind: 'scalar'
  /** As typed by the file's format; a value with references is text until the schema says what it should be. */
  value: string | number | boolean | null
  /** As written (a number's digits and zeros included), references resolved. */
  text: string
  /** How the text came about. A placeholder stands in for a reference that was not resolved. */
  origin: 'written' | 'reference' | 'placeholder'
  /** Of a placeholder: the reference has no default, so that any value of the right type stands in. */
  unknown: boolean
  /** Never to be shown. */
  secret: boolean
}

export interface ListNode extends Place {
  readonly kind: 'list'
  items: Node[]
}

export interface Entry {
  /** Offset of the key, in the mapping's file. */
  readonly keyOffset: number
  value: Node
}

export interface MappingNode extends Place {
  readonly kind: 'mapping'
  readonly entries: Map<string, Entry>
}

export type Node = ScalarNode | ListNode | MappingNode

export function scalar(file: SourceFile, offset: number, value: ScalarNode['value'], text: string): ScalarNode {
  return { kind: 'scalar', file, offset, value, text, origin: 'written', unknown: false, secret: false }
}

/** A node that stands for nothing but what is wrong there. */
export function broken(file: SourceFile, problems: Problem[]): ScalarNode {
  return { ...scalar(file, problems[0]?.offset ?? 0, null, ''), problems }
}

export function addProblem(node: Node, offset: number, message: string): void {
  node.problems ??= []
  node.problems.push({ offset, message })
}

/** Offset of each line's first character. */
export function lineStartsOf(text: string): number[] {
  const starts = [0]
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
  return starts
}

/** `file:line:col`, both counted from 1. */
export function whereOf(file: SourceFile, offset: number): Where {
  const starts = file.lineStarts
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return `${file.shown}:${low + 1}:${offset - (starts[low] ?? 0) + 1}`
}

/** The value of `key`, if `node` is a mapping that has it. */
export function child(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'mapping' ? node.entries.get(key)?.value : undefined
}

/** The items, if `node` is a list; else none. */
export function itemsOf(node: Node | undefined): readonly Node[] {
  return node?.kind === 'list' ? node.items : []
}

/** The text, if `node` is one that can be relied on: neither broken nor of another type. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' && !node.problems ? node.value : undefined
}

/** The tree as plain values. */
export function plain(node: Node): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  const object: Record<string, unknown> = {}
  for (const [key, entry] of node.entries) object[key] = plain(entry.value)
  return object
}
