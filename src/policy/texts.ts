/** What CEL's functions do with strings, and what they make of them; as values.ts has it. */
import { Fault, noOverload, spend, spendOnText } from './fault.ts'
import { MAX_INT, MIN_INT } from './values.ts'

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
