/**
 * The consumers of a plan, packed, with what a worker finds them by. Most of 10,000 never call one worker, so it reads a
 * part only when a credential of it comes: its start needs the names and the hashes of their keys, which are two texts.
 */
import type { ConsumerPlan } from './consumer.ts'
import { pack, type PackedList } from './packed.ts'

export interface PackedConsumers extends PackedList<ConsumerPlan> {
  /** Of each part; null: someone in it is found by more than a key, so it is read at once. */
  readonly indexes: readonly (ConsumerIndex | null)[]
}

export interface ConsumerIndex {
  /** One a line: no name holds a line break. */
  readonly names: string
  /** As ApiKeyPlan has them, 64 digits each, with nothing between. */
  readonly hashes: string
}

/** What a worker reads in one go between requests: 50 consumers take 0.2 ms, and as much to be found by their credentials. */
const PART = 50
const DIGITS = 64

export function packConsumers(list: readonly ConsumerPlan[], size = PART): PackedConsumers {
  const indexes: (ConsumerIndex | null)[] = []
  for (let at = 0; at < list.length; at += size) indexes.push(indexOf(list.slice(at, at + size)))
  return { ...pack(list, size), indexes }
}

function indexOf(part: readonly ConsumerPlan[]): ConsumerIndex | null {
  if (!part.every(hasOnlyKeys)) return null
  return {
    names: part.map(({ name }) => name).join('\n'),
    hashes: part.flatMap(({ keys }) => keys.map(({ hash }) => hash)).join('')
  }
}

function hasOnlyKeys({ clients, jwt, basic, certificates, signatures, ip }: ConsumerPlan): boolean {
  return [clients, jwt, basic, certificates, signatures].every(({ length }) => length === 0) && ip === null
}

export function namesIn({ names }: ConsumerIndex): string[] {
  return names.split('\n')
}

export function hashesIn({ hashes }: ConsumerIndex): string[] {
  return Array.from({ length: hashes.length / DIGITS }, (_, i) => hashes.slice(i * DIGITS, (i + 1) * DIGITS))
}
