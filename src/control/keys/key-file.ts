/**
 * The last good key set of an issuer, kept in state.dir: with it a gateway that starts while the provider is down
 * still serves. The text is kept as it was fetched and judged again when read: what was good enough for an older
 * version need not be for this one.
 */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseObject } from '../../identity/json.ts'

export interface SavedKeys {
  /** The address in the configuration that led to it: a set of another is not this issuer's any more. */
  readonly url: string
  /** ms since the epoch. */
  readonly fetchedAt: number
  readonly body: string
}

/** Issuer names are `[a-z0-9][a-z0-9_-]*`, so each is a file name of its own. */
export function keyFile(stateDir: string, issuer: string): string {
  return join(stateDir, 'keys', `${issuer}.json`)
}

/** Null: there is none, or none that can be read as one. */
export async function readSaved(path: string): Promise<SavedKeys | null> {
  let bytes
  try {
    bytes = await readFile(path)
  } catch {
    return null
  }
  const parsed = parseObject(bytes, 'file')
  if (!parsed.ok) return null
  const { url, fetchedAt, body } = parsed.value
  return typeof url === 'string' && typeof fetchedAt === 'number' && typeof body === 'string'
    ? { url, fetchedAt, body }
    : null
}

/** Whole or not at all, and readable by the gateway's user only: a set may hold shared secrets. */
export async function writeSaved(path: string, saved: SavedKeys): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(saved))
      // Before the rename: after a power cut the name must not stand for an empty file.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
