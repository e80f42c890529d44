/**
 * What CEL's operators and functions do with values at run time, for expression.ts; texts.ts has those of strings. Values are plain: string, bigint
 * (int), number (double), boolean, null, arrays, and maps as Map (made here) or objects (claims, from JSON).
 *
 * Nothing here throws but a Fault, and every operation whose work grows with its input pays for it first, so one
 * evaluation is bounded whatever the client sends: see `BUDGET` in fault.ts.
 */
import { Fault, noOverload, spend, spendOnText } from './fault.ts'

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

export const MAX_INT = 9223372036854775807n
export const MIN_INT = -9223372036854775808n
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
