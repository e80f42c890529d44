/** `gatehouse schema | less` showed 64 KiB of 154: the process ended before the pipe had taken the rest. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const BIN = fileURLToPath(new URL('../../bin/gatehouse', import.meta.url))
const SCHEMA = fileURLToPath(new URL('../../config/gatehouse.schema.json', import.meta.url))

t.test('what a command prints is whole, however slow its reader', async (t) => {
  const child = spawn('sh', ['-c', '"$0" schema | { sleep 1; cat; }', BIN], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  await new Promise((resolve) => child.on('close', resolve))
  t.equal(Buffer.concat(parts).toString(), readFileSync(SCHEMA, 'utf8'))
})

t.test('a reader that has seen enough is no failure', async (t) => {
  const child = spawn('bash', ['-c', 'set -o pipefail; "$0" schema | head -n 1', BIN], { stdio: 'ignore' })
  t.equal(await new Promise((resolve) => child.on('close', resolve)), 0)
})
