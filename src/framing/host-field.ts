import { formatIp, parseIp } from '../ip.ts'

/** What a Host field names. */
export interface HostField {
  /** Lower-case, without port and final dot; IPv6 without brackets in RFC 5952's form. */
  host: string
  /** As written, -1 for none. */
  port: number
}

const COLON = 0x3a
const DOT = 0x2e
const HYPHEN = 0x2d

/**
 * Reads a Host field (RFC 9110 section 7.2): a name of letters, digits, hyphens and dots or a bracketed IPv6 address,
 * and perhaps a port. One name has one spelling here: `API.example.com.` is `api.example.com`, or a final dot would be
 * a way around a route's host.
 *
 * @returns whether it is well formed; `into` is filled only then
 */
export function readHost(value: string, into: HostField): boolean {
  if (value !== last.value) {
    if (!read(value, last)) {
      last.value = null
      return false
    }
    last.value = value
  }
  into.host = last.host
  into.port = last.port
  return true
}

/** What was read last: most requests name the host that the one before did, and one text of it is compared faster. */
const last: HostField & { value: string | null } = { value: null, host: '', port: -1 }

function read(value: string, into: HostField): boolean {
  if (value.charCodeAt(0) === 0x5b) return readIpv6(value, into)
  let end = value.length
  let upper = false
  let labelStart = 0
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c === DOT) {
      if (i === labelStart) return false
      labelStart = i + 1
    } else if (c === COLON) {
      end = i
      break
    } else if (c >= 0x41 && c <= 0x5a) upper = true
    else if (!((c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === HYPHEN)) return false
  }
  if (end === 0) return false
  const port = readPort(value, end)
  if (port === BAD_PORT) return false
  if (labelStart === end) end--
  const host = end === value.length ? value : value.slice(0, end)
  into.host = upper ? host.toLowerCase() : host
  into.port = port
  return true
}

function readIpv6(value: string, into: HostField): boolean {
  const close = value.indexOf(']')
  if (close < 0 || !value.slice(0, close).includes(':')) return false
  const address = parseIp(value, 1, close)
  const port = readPort(value, close + 1)
  if (address === null || port === BAD_PORT) return false
  into.host = formatIp(address)
  into.port = port
  return true
}

const BAD_PORT = -2

/** The port after the colon at `colon`; -1 when the value ends there. */
function readPort(value: string, colon: number): number {
  if (colon === value.length) return -1
  if (value.charCodeAt(colon) !== COLON || colon + 1 === value.length || value.length - colon > 6) return BAD_PORT
  let port = 0
  for (let i = colon + 1; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return BAD_PORT
    port = port * 10 + digit
  }
  return port <= 0xffff ? port : BAD_PORT
}
