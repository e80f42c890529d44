/** One number for what a plan means: two plans of one digest decide alike. */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Plan } from '../../plan/plan.ts'

/** Keys below these are the owner's own words: a consumer's attribute may be called `where`. */
const OWNERS_WORDS: ReadonlySet<string> = new Set(['attributes', 'equal', 'labels', 'jwks', 'types', 'content'])

/**
 * SHA-256 (64 hex digits) over the plan, whatever the order of keys in its mappings. Left out: the generation, lines
 * and columns, and the folder of the private certificate copies, whose names are digests of what they hold. Key
 * material goes in hashed. `contents` are digests of further files that the plan only names, such as a JWKS file.
 */
export function digestOf(plan: Omit<Plan, 'digest'>, contents: readonly string[]): string {
  const hash = createHash('sha256')
  const { generation: _, routes, consumers, revocations, ...head } = plan
  hash.update(canonical({ ...head, contents: [...contents].sort() }, false))
  for (const list of [routes, consumers, revocations]) {
    hash.update('\n')
    for (const item of list) hash.update(`${canonical(item, false)}\n`)
  }
  return hash.digest('hex')
}

/** What is said of the members of one set of keys, in the order in which they are said. */
interface Member {
  key: string
  /** The key as JSON, with its colon. */
  prefix: string
  isFile: boolean
  below: boolean
}

/** By their keys, in the order they were made: thousands of objects of a plan share a few dozen. */
const shapes = new Map<string, readonly Member[]>()

/** JSON with sorted keys. */
function canonical(value: unknown, ownersWords: boolean): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (value instanceof Uint8Array) return `"sha256:${createHash('sha256').update(value).digest('hex')}"`
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${canonical(item, ownersWords)},`
    return `[${text}]`
  }
  const members = value as Record<string, unknown>
  const keys = Object.keys(members)
  for (const { key, prefix, isFile, below } of ownersWords ? membersOf(keys, true) : shapeOf(keys)) {
    const member = members[key]
    if (member === undefined) continue
    text += `${prefix}${canonical(isFile && typeof member === 'string' ? basename(member) : member, below)},`
  }
  return `{${text}}`
}

function shapeOf(keys: readonly string[]): readonly Member[] {
  const name = keys.join('\0')
  let shape = shapes.get(name)
  if (shape === undefined) shapes.set(name, (shape = membersOf(keys, false)))
  return shape
}

function membersOf(keys: readonly string[], ownersWords: boolean): Member[] {
  // By UTF-16 code units: the engine's own order, which is twice as quick as a comparison of ours.
  return keys
    .toSorted()
    .filter((key) => ownersWords || key !== 'where')
    .map((key) => ({
      key,
      prefix: `${JSON.stringify(key)}:`,
      isFile: !ownersWords && (key === 'certFile' || key === 'keyFile'),
      below: ownersWords || OWNERS_WORDS.has(key)
    }))
}
