/** Basic credentials (RFC 7617) as a request presents them. */
import { MAX_PASSWORD } from './password.ts'
import type { BadCredential } from './credentials.ts'
import type { HeaderList } from '../headers.ts'

export interface BasicCredential {
  readonly username: string
  readonly password: string
}

const SCHEME = 'basic '
const TWICE: BadCredential = Object.freeze({ reason: 'a header that carries a credential is sent twice' })
const MISSHAPEN: BadCredential = Object.freeze({
  reason: 'the Basic credential is not user:password in base64 of UTF-8 without control characters'
})
const TOO_LONG: BadCredential = Object.freeze({ reason: `the password is longer than ${MAX_PASSWORD} bytes` })
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** null: the request presents none. Another scheme is another method's business. */
export function findBasic(headers: HeaderList): BasicCredential | BadCredential | null {
  const value = headers.get('authorization')
  if (value === undefined || value.slice(0, SCHEME.length).toLowerCase() !== SCHEME) {
    return value !== undefined && value.toLowerCase() === 'basic' ? MISSHAPEN : null
  }
  if (headers.count('authorization') > 1) return TWICE
  const text = decode(value.slice(SCHEME.length))
  const colon = text === null ? -1 : text.indexOf(':')
  if (text === null || colon < 1) return MISSHAPEN
  const password = text.slice(colon + 1)
  if (Buffer.byteLength(password) > MAX_PASSWORD) return TOO_LONG
  return { username: text.slice(0, colon), password }
}

/** One spelling for each credential: `Buffer` reads over what is no base64. */
function decode(encoded: string): string | null {
  const bytes = Buffer.from(encoded, 'base64')
  if (encoded === '' || bytes.toString('base64') !== encoded) return null
  for (const byte of bytes) if (byte < 0x20 || byte === 0x7f) return null
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}
