/**
 * What CEL's operators and functions do with values at run time, for expression.ts. Values are plain: string, bigint
 * (int), number (double), boolean, null, arrays, and maps as Map (made here) or objects (claims, from JSON).
 *
 * Nothing here throws but a Fault, and every operation whose work grows with its input pays for it first, so one
 * evaluation is bounded whatever the client sends: see `BUDGET`.
 */

/** Why a rule could not be decided, for the owner. Holds names, never values: it goes to the log. */
export class Fault {
  readonly reason: string
  // Not an Error on purpose: capturing a stack costs 2 µs, and any client may cause these.
  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * Units of work one evaluation may use: one for each element visited and each comparison made, and one for every 16
 * characters read or copied. A unit costs 5-60 ns, so an evaluation ends within about 2 ms; a rule with a loop
 * inside a loop over a token's 8 KB needs 100 times as much, and refuses instead of holding the thread.
 */
export const BUDGET = 30_000

/** The one fault that no operator absorbs: `x || true` must not go on when the work is used up. */
export const SPENT = new Fault('the rule took more work than one evaluation may')

// One evaluation runs at a time in a thread, from start to end.
let left = 0

export function startBudget(): void {
  left = BUDGET
}

export function spend(units: number): void {
  left -= units
  if (left < 0) throw SPENT
}

function spendOnText(length: number): void {
  spend(1 + (length >>> 4))
}

/** CEL's name of a value's type. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  switch (typeof value) {
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    default:
      return 'map'
  }
}

function noOverload(name: string, ...values: unknown[]): Fault {
  return new Fault(`${name} is not defined for ${values.map(typeName).join(' and ')}`)
}

/** Field or element, undefined when it isn't there or `base` has none. Own members only: claims name their own keys. */
export function member(base: unknown, key: unknown): unknown {
  if (typeof base !== 'object' || base === null) return undefined
  if (base instanceof Map) return base.get(key)
  if (Array.isArray(base)) {
    return typeof key === 'bigint' || typeof key === 'number' ? base[Number(key)] : undefined
  }
  return typeof key === 'string' && Object.hasOwn(base, key) ? (base as Record<string, unknown>)[key] : undefined
}

/** `==`: numbers by value over int and double, lists and maps by their members, anything else of two types unequal. */
export function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'string') {
    if (typeof b !== 'string' || a.length !== b.length) return false
    spendOnText(a.length)
    return a === b
  }
  if (a === b) return true
  // The one loose comparison: int with double is by value, exactly, in JavaScript too.
  if (typeof a === 'bigint') return typeof b === 'number' && Number(b) === b && a == (b as unknown as bigint)
  if (typeof a === 'number') return typeof b === 'bigint' && (a as unknown as bigint) == b
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b)
  return !Array.isArray(b) && equalMaps(a, b)
}

function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    spend(1)
    if (!equal(a[i], b[i])) return false
  }
  return true
}

function equalMaps(a: object, b: object): boolean {
  const keys = keysOf(a)
  if (keys.length !== keysOf(b).length) return false
  for (const key of keys) {
    spend(1)
    const other = member(b, key)
    if (other === undefined || !equal(member(a, key), other)) return false
  }
  return true
}

/** Keys of a map, in their order. */
export function keysOf(map: object): unknown[] {
  const keys = map instanceof Map ? [...map.keys()] : Object.keys(map)
  spend(keys.length)
  return keys
}

/** What a macro runs over: the elements of a list, the keys of a map. */
export function elementsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'object' && value !== null) return keysOf(value)
  throw noOverload('a loop', value)
}

export function isIn(value: unknown, container: unknown): boolean {
  if (Array.isArray(container)) {
    for (let i = 0; i < container.length; i++) {
      spend(1)
      if (equal(value, container[i])) return true
    }
    return false
  }
  if (typeof container === 'object' && container !== null) return member(container, value) !== undefined
  throw noOverload('in', value, container)
}

export type Order = '<' | '<=' | '>' | '>='

export function compare(op: Order, a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') spendOnText(Math.min(a.length, b.length))
  else if (!(isNumeric(a) && isNumeric(b)) && !(typeof a === 'boolean' && typeof b === 'boolean')) {
    throw noOverload(op, a, b)
  }
  const [x, y] = [a as string, b as string]
  switch (op) {
    case '<':
      return x < y
    case '<=':
      return x <= y
    case '>':
      return x > y
    case '>=':
      return x >= y
  }
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number'
}

const MAX_INT = 9223372036854775807n
const MIN_INT = -9223372036854775808n
const OVERFLOW = new Fault('an int outside 64 bits')
const BY_ZERO = new Fault('division by zero')

function within64(value: bigint): bigint {
  if (value > MAX_INT || value < MIN_INT) throw OVERFLOW
  return value
}

export function add(a: unknown, b: unknown): unknown {
  if (typeof a === 'string' && typeof b === 'string') {
    spendOnText(a.length + b.length)
    return a + b
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    spend(a.length + b.length)
    return a.concat(b)
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return within64(a + b)
  if (typeof a === 'number' && typeof b === 'number') return a + b
  throw noOverload('+', a, b)
}

export function arithmetic(op: '-' | '*' | '/' | '%', a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    switch (op) {
      case '-':
        return within64(a - b)
      case '*':
        return within64(a * b)
      case '/':
        if (b === 0n) throw BY_ZERO
        return within64(a / b)
      case '%':
        if (b === 0n) throw BY_ZERO
        return a % b
    }
  }
  if (typeof a === 'number' && typeof b === 'number') {
    if (op === '-') return a - b
    if (op === '*') return a * b
    if (op === '/') return a / b
  }
  throw noOverload(op, a, b)
}

export function negate(value: unknown): unknown {
  if (typeof value === 'bigint') return within64(-value)
  if (typeof value === 'number') return -value
  throw noOverload('-', value)
}

/** Strings by their code points. */
export function sizeOf(value: unknown): bigint {
  if (typeof value === 'string') {
    spendOnText(value.length)
    let count = 0
    for (let i = 0; i < value.length; i++, count++) if ((value.codePointAt(i) ?? 0) > 0xffff) i++
    return BigInt(count)
  }
  if (Array.isArray(value)) return BigInt(value.length)
  if (typeof value === 'object' && value !== null) return BigInt(keysOf(value).length)
  throw noOverload('size', value)
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw noOverload(name, value)
  return value
}

export function startsWith(value: unknown, part: unknown): boolean {
  const whole = text('startsWith', value)
  const start = text('startsWith', part)
  spendOnText(start.length)
  return whole.startsWith(start)
}

export function endsWith(value: unknown, part: unknown): boolean {
  const whole = text('endsWith', value)
  const end = text('endsWith', part)
  spendOnText(end.length)
  return whole.endsWith(end)
}

export function contains(value: unknown, part: unknown): boolean {
  return indexOf(value, part) >= 0n
}

/** −1 when it isn't there. */
export function indexOf(value: unknown, part: unknown): bigint {
  const whole = text('contains', value)
  const sought = text('contains', part)
  // Both may be the client's, and the engine's search is no better than their product in the worst case.
  spendOnText(whole.length + ((whole.length * sought.length) >>> 8))
  return BigInt(whole.indexOf(sought))
}

export function lowerAscii(value: unknown): string {
  const all = text('lowerAscii', value)
  spendOnText(all.length)
  return all.toLowerCase()
}

export function upperAscii(value: unknown): string {
  const all = text('upperAscii', value)
  spendOnText(all.length)
  return all.toUpperCase()
}

export function trim(value: unknown): string {
  const all = text('trim', value)
  spendOnText(all.length)
  return all.trim()
}

export function split(value: unknown, separator: unknown): string[] {
  const all = text('split', value)
  const mark = text('split', separator)
  spend(all.length)
  return all.split(mark)
}

export function join(list: unknown, separator: unknown): string {
  if (!Array.isArray(list)) throw noOverload('join', list)
  const mark = text('join', separator)
  let length = 0
  for (const item of list) length += text('join', item).length + mark.length
  spendOnText(length + (list.length << 4))
  return list.join(mark)
}

const NO_INT = new Fault('int() of what is no whole number of 64 bits')

export function toInt(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw NO_INT
    const whole = BigInt(Math.trunc(value))
    if (whole > MAX_INT || whole < MIN_INT) throw NO_INT
    return whole
  }
  const digits = text('int', value)
  if (!isDecimal(digits)) throw NO_INT
  const whole = BigInt(digits)
  if (whole > MAX_INT || whole < MIN_INT) throw NO_INT
  return whole
}

function isDecimal(digits: string): boolean {
  const signed = digits.startsWith('-') || digits.startsWith('+')
  const start = signed ? 1 : 0
  if (digits.length <= start || digits.length > 20) return false
  for (let i = start; i < digits.length; i++) {
    const c = digits.charCodeAt(i)
    if (c < 0x30 || c > 0x39) return false
  }
  return true
}

const NO_DOUBLE = new Fault('double() of what is no number')

export function toDouble(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  const digits = text('double', value)
  if (digits === '' || digits.length > 64 || digits !== digits.trim()) throw NO_DOUBLE
  const parsed = Number(digits)
  if (!Number.isFinite(parsed)) throw NO_DOUBLE
  return parsed
}

export function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw noOverload('string', value)
}
