/** slowhttptest (Debian's package): connections that are slow on purpose, in its four modes. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

const BINARY = '/usr/bin/slowhttptest'

/** Why tests of it are skipped; false where it is installed. */
export const absent: string | false = existsSync(BINARY) ? false : `${BINARY} is not installed`

/** Slow heads, slow bodies, ranges, slow reading. */
export const MODES = ['H', 'B', 'R', 'X'] as const
export type Mode = (typeof MODES)[number]

/** Resolves with what it said when it has ended by itself: after `seconds`, or when all its connections are closed. */
export function attack(mode: Mode, url: string, connections: number, seconds: number): Promise<string> {
  const args = [`-${mode}`, '-u', url, '-c', String(connections), '-r', String(connections), '-l', String(seconds)]
  // Every two seconds something more; of an answer five bytes a second. Its own probe would be one more visitor.
  const child = spawn(BINARY, [...args, '-i', '2', '-n', '1', '-z', '5', '-s', '8192', '-p', '60'])
  let text = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  child.stderr.on('data', (data: Buffer) => (text += data.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve(text))
  })
}
