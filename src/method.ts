/**
 * The request methods that exist here: RFC 9110 section 9 and PATCH (RFC 5789). A closed list, so that a set of them
 * is one small integer. WebDAV's are left out on purpose: a method that no rule of the configuration can speak of
 * would pass whatever is meant to guard a path, so it gets 501 before anything looks at it.
 */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT'] as const

const TRACE_BIT = 1 << 7
const CONNECT_BIT = 1 << 8

/** What a route without `methods` answers: all but CONNECT and TRACE. */
const ORDINARY_METHODS = (1 << METHODS.length) - 1 - TRACE_BIT - CONNECT_BIT

/** The bit of a method, case-sensitive (RFC 9110 section 9.1); 0 for one that isn't in the list. */
export function methodBit(method: string): number {
  switch (method) {
    case 'GET':
      return 1
    case 'HEAD':
      return 1 << 1
    case 'POST':
      return 1 << 2
    case 'PUT':
      return 1 << 3
    case 'DELETE':
      return 1 << 4
    case 'PATCH':
      return 1 << 5
    case 'OPTIONS':
      return 1 << 6
    case 'TRACE':
      return TRACE_BIT
    case 'CONNECT':
      return CONNECT_BIT
    default:
      return 0
  }
}

/** The bits of a route's `methods`; null is all but CONNECT and TRACE. */
export function methodMask(methods: readonly string[] | null): number {
  if (methods === null) return ORDINARY_METHODS
  let mask = 0
  for (const method of methods) mask |= methodBit(method)
  return mask
}

/** The names in a mask, in METHODS' order. */
export function methodNames(mask: number): string[] {
  return METHODS.filter((_, i) => (mask & (1 << i)) !== 0)
}

/** RFC 9110 section 9.3.2: whoever may GET may HEAD. */
export function withHead(methods: readonly string[]): string[] {
  const all = new Set(methods.map((method) => method.toUpperCase()))
  if (all.has('GET')) all.add('HEAD')
  return [...all]
}
