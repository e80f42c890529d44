/** The public test vectors, which stand beside the repository and are not copied into it. */
import { existsSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../../shared/vectors/', import.meta.url)

/** For tap's `skip`: false, or why. */
export const skipVectors: string | false = existsSync(FOLDER) ? false : 'the public test vectors are not here'

/** Parsed JSON of a file of the folder. */
export function vectors<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, FOLDER), 'utf8')) as T
}
