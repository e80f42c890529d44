/** Files that only the gateway's own user may read, written so that no reader ever sees half of one. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { randomBytes } from 'node:crypto'

/**
 * Makes `file` (0600) in `directory` (0700) hold exactly `content`; a copy that does already is left alone, since a
 * running generation may be reading it. Throws what the file system says.
 */
export function writePrivate(directory: string, file: string, content: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  if (holds(file, content)) return chmodSync(file, 0o600)
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const fd = openSync(temporary, 'wx', 0o600)
    try {
      writeFileSync(fd, content)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

function holds(file: string, content: string): boolean {
  try {
    return readFileSync(file, 'utf8') === content
  } catch {
    return false
  }
}
