/**
 * A long list of a plan on its way between threads: serialised once, into shared memory, so that whoever passes it on
 * neither copies nor reads it. 10,000 consumers as objects are 80 ms at every crossing; so they are read where they are
 * needed, part by part. Written before anyone else knows of it and never after: the message that tells of it orders the two.
 */
import { deserialize, serialize } from 'node:v8'

export interface PackedList<T> {
  readonly length: number
  readonly parts: readonly PackedPart<T>[]
}

/** Some items of a list; never an empty list of them. The type says which items. */
export type PackedPart<T> = SharedArrayBuffer & { readonly items?: T }

/** @param size most items of a part */
export function pack<T>(list: readonly T[], size: number): PackedList<T> {
  const parts: PackedPart<T>[] = []
  for (let at = 0; at < list.length; at += size) parts.push(shared(serialize(list.slice(at, at + size))))
  return { length: list.length, parts }
}

export function unpackPart<T>(part: PackedPart<T>): T[] {
  return deserialize(new Uint8Array(part)) as T[]
}

export function unpack<T>({ parts }: PackedList<T>): T[] {
  return parts.flatMap((part) => unpackPart(part))
}

/** For a file: shared memory itself can't be serialised. */
export function bytesOf<T>({ length, parts }: PackedList<T>): { length: number; parts: Uint8Array[] } {
  return { length, parts: parts.map((part) => new Uint8Array(part).slice()) }
}

/** What `bytesOf` gave, in shared memory again. */
export function fromBytes<T>({ length, parts }: { length: number; parts: readonly Uint8Array[] }): PackedList<T> {
  return { length, parts: parts.map((bytes) => shared(bytes)) }
}

function shared<T>(bytes: Uint8Array): PackedPart<T> {
  const part = new SharedArrayBuffer(bytes.length)
  new Uint8Array(part).set(bytes)
  return part
}
