/** Cookie header fields (RFC 6265 section 4.2.1): `name=value` pairs between semicolons. Names are case-sensitive. */

/** Value of the first cookie `name`, as sent; undefined when there is none. */
export function cookieValue(header: string, name: string): string | undefined {
  for (let start = 0; start < header.length;) {
    const end = pairEnd(header, start)
    const from = skipBlanks(header, start, end)
    const equals = header.indexOf('=', from)
    if (equals >= 0 && equals < end && isName(header, from, equals, name)) {
      return header.slice(equals + 1, end).trim()
    }
    start = end + 1
  }
  return undefined
}

/** `header` without the cookies named; '' when none is left. */
export function withoutCookies(header: string, names: readonly string[]): string {
  let kept = ''
  let removed = false
  for (let start = 0; start < header.length;) {
    const end = pairEnd(header, start)
    const pair = header.slice(start, end).trim()
    const equals = pair.indexOf('=')
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim()
    if (names.includes(name)) removed = true
    else if (pair !== '') kept += kept === '' ? pair : `; ${pair}`
    start = end + 1
  }
  return removed ? kept : header
}

function pairEnd(header: string, start: number): number {
  const end = header.indexOf(';', start)
  return end < 0 ? header.length : end
}

function skipBlanks(header: string, start: number, end: number): number {
  let i = start
  while (i < end && (header.charCodeAt(i) === 0x20 || header.charCodeAt(i) === 0x09)) i++
  return i
}

function isName(header: string, from: number, equals: number, name: string): boolean {
  let end = equals
  while (end > from && (header.charCodeAt(end - 1) === 0x20 || header.charCodeAt(end - 1) === 0x09)) end--
  return end - from === name.length && header.startsWith(name, from)
}
