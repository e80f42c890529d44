/**
 * Every test file, each in a plain Node.js of its own. Those that start gateways wait much of their time, the others
 * keep a core busy: both run at once, so that neither the cores wait at first nor files for cores at the end.
 * A line a file; of one that fails, all it said. A file's own totals are taken from its last line: having tap parse
 * what 36,000 assertions say, in two processes one above the other, took as much time as a core has.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/**
 * What hangs says where after HANGING seconds, unless the file gives itself longer: tap's own 30 are too little where
 * three files share two cores. What does not even do that ends after LIMIT ms.
 */
const HANGING = 150
const LIMIT = 300_000
const root = fileURLToPath(new URL('..', import.meta.url))
const STRIPPED = fileURLToPath(new URL('stripped.mjs', import.meta.url))

interface Totals {
  total: number
  pass: number
  fail: number
  skip: number
}

interface Outcome {
  file: string
  ok: boolean
  totals: Totals
  said: string
  seconds: string
}

function run(file: string): Promise<Outcome> {
  const began = performance.now()
  const env = { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning', TAP_TIMEOUT: `${HANGING}` }
  const child = spawn(process.execPath, ['--import', STRIPPED, file], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString('latin1')))
  child.stderr.on('data', (data: Buffer) => (said += data.toString('latin1')))
  const late = setTimeout(() => {
    said += `\nnot over after ${LIMIT} ms\n`
    child.kill('SIGKILL')
  }, LIMIT)
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(late)
      const totals = totalsOf(said)
      const ok = code === 0 && totals.fail === 0
      // What ended without a word of its own failed as a whole.
      if (!ok && totals.fail === 0) totals.fail = 1
      resolve({ file, ok, totals, said, seconds: ((performance.now() - began) / 1000).toFixed(1) })
    })
  })
}

/** tap's own, of all assertions: `# { total: 12, pass: 10, fail: 1, skip: 1 }`. */
function totalsOf(said: string): Totals {
  const line = said.slice(said.lastIndexOf('\n# { total: ') + 1).split('\n', 1)[0] ?? ''
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(line)?.[1] ?? 0)
  return { total: count('total'), pass: count('pass'), fail: count('fail'), skip: count('skip') }
}

const files = globSync('test/**/*.test.ts', { cwd: root }).toSorted()
const gateways = files.filter((file) => file.includes('/e2e/'))
const others = files.filter((file) => !file.includes('/e2e/'))
const sum: Totals = { total: 0, pass: 0, fail: 0, skip: 0 }
const skipped: string[] = []

/** Runs one file after the other: those of the first queue, then what is left of the second. */
async function work(first: string[], second: string[]): Promise<void> {
  for (let file = first.shift() ?? second.shift(); file !== undefined; file = first.shift() ?? second.shift()) {
    const { ok, totals, said, seconds } = await run(file)
    for (const name of ['total', 'pass', 'fail', 'skip'] as const) sum[name] += totals[name]
    process.stdout.write(`${ok ? 'ok' : 'not ok'} - ${file} (${totals.total} assertions, ${seconds} s)\n`)
    for (const [, reason] of said.matchAll(/^ *ok .*# SKIP (.*)$/gm)) skipped.push(`skipped in ${file}: ${reason}`)
    if (!ok) process.stdout.write(Buffer.from(`${said}\n`, 'latin1'))
  }
}

const lanes = Array.from({ length: availableParallelism() + 1 }, () => work(gateways, others))
await Promise.all([...lanes, work(others, gateways)])
for (const line of skipped) process.stdout.write(`${line}\n`)
process.stdout.write(`# { total: ${sum.total}, pass: ${sum.pass}, fail: ${sum.fail}, skip: ${sum.skip} }\n`)
process.exitCode = sum.fail === 0 && sum.pass > 0 ? 0 : 1
