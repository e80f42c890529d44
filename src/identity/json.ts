import { readJson } from '../json.ts'

/** Deepest nesting of objects and lists taken of a token; real claims stay under ten. */
export const MAX_DEPTH = 32

export type StrictJson =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | { readonly ok: false; readonly reason: string }

/** A token is a few kilobytes at most, and that bounds the rest. */
const BOUNDS = { depth: MAX_DEPTH, keys: Infinity, items: Infinity }

/** Reads a JSON object out of UTF-8 bytes. `what` names it in the reason: `header`, `payload`. */
export function parseObject(bytes: Uint8Array, what: string): StrictJson {
  const read = readJson(bytes, BOUNDS)
  if (!read.ok) return { ok: false, reason: `the ${what} ${read.reason}` }
  const { value } = read
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, reason: `the ${what} is not a JSON object` }
  }
  return { ok: true, value: value as Record<string, unknown> }
}
