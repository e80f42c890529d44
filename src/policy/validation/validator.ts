import { compileFunction, createContext } from 'node:vm'
import { compilePattern, type Pattern } from '../pattern.ts'
import { FORMATS } from './formats.ts'

/**
 * Schemas were compiled to JavaScript in the control thread (control/schemas/ajv.ts). Here that text becomes
 * functions, once per generation: the one place where text is made code. It comes from that compiler alone, out of
 * the owner's own files; all the same it runs in a context without `process`, `require` or any global but the
 * language's own, and reaches just what `RUNTIME` lists.
 */

/** One thing that is wrong with a value. */
export interface Violation {
  /** JSON Pointer (RFC 6901) to it. */
  readonly pointer: string
  /** For the owner's log: what the schema asked for, and where in it. */
  readonly reason: string
}

/**
 * Empty: the value fits its schema. Not all that is wrong is found, but something if anything is; TOO_LONG: it is not
 * known. Never throws.
 *
 * @param most steps that it may take; absent: as many as a parameter's
 */
export type Validator = (value: unknown, most?: number) => readonly Violation[]

/** What ajv's code reports. */
interface AjvError {
  instancePath: string
  schemaPath: string
  params: Readonly<Record<string, unknown>>
  message?: string
}
type AjvFunction = ((value: unknown) => boolean) & { errors?: AjvError[] | null }

/** Most violations told of one value. */
const MAX_TOLD = 10
const MAX_POINTER = 512

/**
 * `uniqueItems` compares every item with every other: at most this many comparisons for one value (some 0.1 s), or a
 * list of a million items would hold a thread for days.
 */
const MAX_COMPARISONS = 500_000

/**
 * A schema that refers to itself in two places at one depth, as `oneOf` of two kinds of nodes may, is asked twice as often with
 * each level of the value: 160 bytes, nested twenty deep, took six seconds. So each part of a schema that others refer to
 * counts its calls, and a value may have so many, by its size. So few are done where everybody waits: 10 ms at the worst.
 */
export const FEW_STEPS = 2000
/** No value needs more unless they multiply: 80 for each node of 20 bytes. */
const STEPS_PER_BYTE = 4
/** Of a path or a query, which come within a head. */
const PARAMETER_BYTES = 16 * 1024

/** Steps that a value of that many bytes may take. */
export function stepsFor(bytes: number): number {
  return Math.max(FEW_STEPS, bytes * STEPS_PER_BYTE)
}

class Spent extends Error {}

let comparisons = 0
let stepsLeft = 0

/** Called by what the compiler has put into each function (control/schemas/ajv.ts). */
function step(): void {
  if (--stepsLeft < 0) throw new Spent()
}

/** JSON values: by their content. */
function equal(a: unknown, b: unknown): boolean {
  if (++comparisons > MAX_COMPARISONS) throw new Spent()
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => equal(item, b[i]))
  }
  const keys = Object.keys(a)
  // To list them takes longer than to compare two numbers.
  comparisons += keys.length
  if (keys.length !== Object.keys(b).length) return false
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return keys.every((key) => Object.hasOwn(other, key) && equal(one[key], other[key]))
}

/** Characters, not UTF-16 units (JSON Schema, section 6.3.1). */
function lengthOf(text: string): number {
  let length = text.length
  for (let i = 0; i + 1 < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdbff) continue
    length--
    i++
  }
  return length
}

/** `pattern` of a schema: checked at load, so it compiles. */
function pattern(source: string): Pattern {
  const compiled = compilePattern(source)
  if (!compiled.ok) throw new Error(compiled.message)
  return compiled.pattern
}

/** Names under which the compiled text asks for things, see control/schemas/ajv.ts. */
const RUNTIME: Readonly<Record<string, unknown>> = {
  pattern,
  step,
  formats: FORMATS,
  'ajv/dist/runtime/equal': { default: equal },
  'ajv/dist/runtime/ucs2length': { default: lengthOf }
}

function provide(name: string): unknown {
  if (!Object.hasOwn(RUNTIME, name)) throw new Error(`a compiled schema asks for ${name}`)
  return RUNTIME[name]
}

let context: ReturnType<typeof createContext> | null = null

/** The validators of one compiled text, by export name. Throws for a fault of the compiler. */
export function loadValidators(source: string): ReadonlyMap<string, Validator> {
  context ??= createContext(Object.create(null) as object, {
    name: 'schemas',
    codeGeneration: { strings: false, wasm: false }
  })
  const exported: Record<string, AjvFunction> = {}
  const run = compileFunction(source, ['exports', 'require'], { parsingContext: context, filename: 'schema' })
  run(exported, provide)
  return new Map(Object.entries(exported).map(([name, check]) => [name, validatorOf(check)]))
}

function validatorOf(check: AjvFunction): Validator {
  return (value, most = stepsFor(PARAMETER_BYTES)) => {
    comparisons = 0
    stepsLeft = most
    try {
      return check(value) ? NONE : violations(check.errors ?? [])
    } catch (error) {
      // RangeError: a schema that refers to itself, and a value that goes as deep. The context has a RangeError of its own.
      if (error instanceof Spent) return stepsLeft < 0 ? TOO_LONG : TOO_MANY_COMPARISONS
      const reason = error instanceof Error ? error.message : 'is nested too deeply to be judged'
      return [{ pointer: '', reason: `could not be judged: ${reason}` }]
    } finally {
      check.errors = null
    }
  }
}

const NONE: readonly Violation[] = Object.freeze([])
export const TOO_LONG: readonly Violation[] = Object.freeze([
  { pointer: '', reason: 'takes too long to be judged: its schema refers to itself, and it is nested deeply' }
])
const TOO_MANY_COMPARISONS: readonly Violation[] = Object.freeze([
  { pointer: '', reason: `needs more than ${MAX_COMPARISONS} comparisons` }
])

function violations(errors: readonly AjvError[]): Violation[] {
  const told = new Map<string, Violation>()
  for (const error of errors) {
    const pointer = pointerOf(error).slice(0, MAX_POINTER)
    if (told.has(pointer)) continue
    told.set(pointer, { pointer, reason: `${error.message ?? 'does not fit'} (${error.schemaPath})` })
    if (told.size === MAX_TOLD) break
  }
  return [...told.values()]
}

/** Members that must not be there are pointed at themselves. */
function pointerOf({ instancePath, params }: AjvError): string {
  const name = params['additionalProperty'] ?? params['unevaluatedProperty'] ?? params['propertyName']
  return typeof name === 'string' ? `${instancePath}/${escapePointer(name)}` : instancePath
}

/** RFC 6901 section 3. */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
