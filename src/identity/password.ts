/**
 * Passwords as they are kept: `scrypt:ln=15,r=8,p=3:SALT:KEY` (RFC 7914; ln is the cost's logarithm; salt and key in
 * base64url). The parameters stand with the hash, so that they can rise without breaking what was hashed before.
 */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { isCanonical } from './base64url.ts'

export interface PasswordHash {
  /** Cost: 2^14 to 2^17. */
  readonly N: number
  /** Block size: 8 to 16. */
  readonly r: number
  /** Parallelism: 1 to 8. */
  readonly p: number
  /** 16 to 64 bytes. */
  readonly salt: Buffer
  /** 32 to 64 bytes. */
  readonly key: Buffer
}

/** What OWASP's Password Storage Cheat Sheet asks for at least: 32 MiB and, on the machine this was written on, 0.2 s. */
const PARAMETERS = { ln: 15, r: 8, p: 3 }
/**
 * A cheaper hash would make a stolen configuration worth guessing at; a dearer one would let anybody who knows a user
 * name keep a thread and its memory busy for seconds: at most 128 MiB, and 16 times the work of the cheapest.
 */
const MAX_MEMORY = 1 << 27
const MAX_WORK = 1 << 21
/** Longest password taken, in bytes of UTF-8. */
export const MAX_PASSWORD = 512

/** null: not of that form, or out of bounds. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const match = /^scrypt:ln=(\d{2}),r=(\d{1,2}),p=(\d):([A-Za-z0-9_-]{22,86}):([A-Za-z0-9_-]{43,86})$/.exec(text)
  if (match === null) return null
  const [, ln = '', r = '', p = '', salt = '', key = ''] = match
  if (!isCanonical(salt, 0, salt.length) || !isCanonical(key, 0, key.length)) return null
  const hash = {
    N: 2 ** Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url')
  }
  if (hash.N < 1 << 14 || hash.N > 1 << 17 || hash.r < 8 || hash.r > 16 || hash.p < 1 || hash.p > 8) return null
  return 128 * hash.N * hash.r <= MAX_MEMORY && hash.N * hash.r * hash.p <= MAX_WORK ? hash : null
}

/** Takes a fraction of a second, as a check of it will. */
export function hashPassword(password: string, { ln, r, p } = PARAMETERS): string {
  const salt = randomBytes(16)
  const key = derive(password, { N: 2 ** ln, r, p, salt, key: Buffer.alloc(32) })
  return `scrypt:ln=${ln},r=${r},p=${p}:${salt.toString('base64url')}:${key.toString('base64url')}`
}

/** Blocks its thread for a fraction of a second: for a thread of its own. */
export function isPassword(password: string, hash: PasswordHash): boolean {
  return timingSafeEqual(derive(password, hash), hash.key)
}

function derive(password: string, { N, r, p, salt, key }: PasswordHash): Buffer {
  return scryptSync(password, salt, key.length, { N, r, p, maxmem: 2 * MAX_MEMORY })
}
