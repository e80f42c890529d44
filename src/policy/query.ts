import { decodePercent } from '../percent.ts'

/**
 * Query strings as application/x-www-form-urlencoded (WHATWG URL): `&` between parameters, `+` for a blank, `%XX` in
 * names and values alike. Names are decoded before they are compared, or `%72ole=admin` would pass unseen what the
 * service reads as `role=admin`.
 */

/** The parameter is there more than once: services disagree on which one counts, so nobody may decide on it. */
export const TWICE = Symbol('parameter sent twice')
/** The parameter, or the name of any, can't be decoded. */
export const MALFORMED = Symbol('malformed percent-encoding')

/** Decoded value of the one parameter `name`; '' when it has no `=`; undefined when it isn't there. */
export function queryParameter(query: string, name: string): string | undefined | typeof TWICE | typeof MALFORMED {
  let found: string | undefined
  for (let start = 0; start < query.length;) {
    const end = pairEnd(query, start)
    const equals = nameEnd(query, start, end)
    if (equals > start || end > equals) {
      const own = decodeForm(query, start, equals)
      if (own === undefined) return MALFORMED
      if (own === name) {
        if (found !== undefined) return TWICE
        found = decodeForm(query, equals + 1, end)
        if (found === undefined) return MALFORMED
      }
    }
    start = end + 1
  }
  return found
}

/** All parameters, decoded. */
export function queryParameters(query: string): Map<string, string> | typeof TWICE | typeof MALFORMED {
  const all = new Map<string, string>()
  for (let start = 0; start < query.length;) {
    const end = pairEnd(query, start)
    const equals = nameEnd(query, start, end)
    if (equals > start || end > equals) {
      const name = decodeForm(query, start, equals)
      const value = decodeForm(query, equals + 1, end)
      if (name === undefined || value === undefined) return MALFORMED
      if (all.has(name)) return TWICE
      all.set(name, value)
    }
    start = end + 1
  }
  return all
}

/** All parameters with all their values, decoded, in the order they came. */
export function parameterLists(query: string): Map<string, string[]> | typeof MALFORMED {
  const all = new Map<string, string[]>()
  for (let start = 0; start < query.length;) {
    const end = pairEnd(query, start)
    const equals = nameEnd(query, start, end)
    if (equals > start || end > equals) {
      const name = decodeForm(query, start, equals)
      const value = decodeForm(query, equals + 1, end)
      if (name === undefined || value === undefined) return MALFORMED
      const known = all.get(name)
      if (known === undefined) all.set(name, [value])
      else known.push(value)
    }
    start = end + 1
  }
  return all
}

/** `query` without the parameters named (decoded): what stays is byte for byte as it came. */
export function withoutParameters(query: string, names: readonly string[]): string {
  if (query === '' || names.length === 0) return query
  let kept = ''
  let removed = false
  for (let start = 0; start < query.length;) {
    const end = pairEnd(query, start)
    const name = decodeForm(query, start, nameEnd(query, start, end))
    if (name !== undefined && names.includes(name)) removed = true
    else kept += kept === '' ? query.slice(start, end) : `&${query.slice(start, end)}`
    start = end + 1
  }
  return removed ? kept : query
}

function pairEnd(query: string, start: number): number {
  const end = query.indexOf('&', start)
  return end < 0 ? query.length : end
}

function nameEnd(query: string, start: number, end: number): number {
  const equals = query.indexOf('=', start)
  return equals < 0 || equals > end ? end : equals
}

function decodeForm(query: string, start: number, end: number): string | undefined {
  if (start >= end) return ''
  const text = query.slice(start, end)
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
