/**
 * What must not grow faster than what comes in: the work for a head, a text under a format or a pattern, a rule, a
 * configuration. Processor time of this thread, the least of some rounds: what else runs here adds to it and never
 * takes away.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compilePlan } from '../../src/control/compile/index.ts'
import { loadConfig } from '../../src/control/config/load.ts'
import { compileRule } from '../../src/policy/rule.ts'
import { FORMATS } from '../../src/policy/validation/formats.ts'
import { ResponseParser } from '../../src/upstream/wire/response-parser.ts'
import { requestView } from '../policy/view.ts'
import { consumersFile, largeConfiguration } from './large.ts'
import { proof, type Finding } from './proof.ts'

const ROUNDS = 3
/** A linear cost grows as much as its input, a quadratic one by the square: the border between is far from both. */
const GROWTH = 20
const BORDER = 90
/** Below this much, µs, a time says more of the clock than of the work. */
const LEAST = 1_000

/** µs of processor time. */
function cost(work: () => void): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(began)
    least = Math.min(least, user + system)
  }
  return least
}

/** The worst of several works, each over an input and one that is GROWTH times as large. */
function growth(works: Record<string, (size: number) => () => void>, size: number): Finding {
  let worst = { name: '', factor: 0 }
  for (const [name, work] of Object.entries(works)) {
    const small = cost(work(size))
    const large = cost(work(size * GROWTH))
    const factor = large / Math.max(small, LEAST)
    if (factor > worst.factor) worst = { name, factor }
  }
  return {
    holds: worst.factor < BORDER && worst.factor > 0,
    figure: `${GROWTH} times as much is at most ${worst.factor.toFixed(1)} times the work (${worst.name})`
  }
}

await proof('an answer’s head in single bytes costs no more than its length', async () => {
  const parse = (size: number) => {
    const head = Buffer.from(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(size)}\r\nContent-Length: 0\r\n\r\n`)
    const pieces = Array.from(head, (_, i) => head.subarray(i, i + 1))
    return () => {
      for (let i = 0; i < 10; i++) {
        const parser = new ResponseParser({ onHead: () => {}, onBody: () => true })
        parser.begin(false)
        for (const piece of pieces) parser.execute(piece, 0, 1)
        if (!parser.done) throw new Error('not parsed')
      }
    }
  }
  return growth({ head: parse }, 750)
})

await proof('no format of a schema takes more than linear time', async () => {
  const works: Record<string, (size: number) => () => void> = {}
  for (const [name, format] of Object.entries(FORMATS)) {
    if (typeof format !== 'function') continue
    for (const piece of ['a', 'a.', '1', ':', '/', '%41', 'aA0-', '{a}', 'P1', '@', 'a@a.', '=', ' ']) {
      works[`${name} over ${piece}`] = (size) => {
        const text = `${piece.repeat(size)}\u0000`
        return () => void format(text)
      }
    }
  }
  return growth(works, 2_000)
})

await proof('no pattern of a rule takes more than linear time', async () => {
  const works: Record<string, (size: number) => () => void> = {}
  for (const pattern of ['(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(.*a){20}b', '^([a-zA-Z0-9])(([a-zA-Z0-9])*)*$']) {
    const compiled = compileRule(`claims.s.matches("${pattern}")`, { path: [], host: [] })
    if (!compiled.ok) throw new Error(compiled.message)
    works[pattern] = (size) => {
      const request = requestView({ caller: { claims: { s: `${'a'.repeat(size)}!` } } })
      return () => void compiled.rule.evaluate(request, 0)
    }
  }
  return growth(works, 250)
})

await proof('a rule that would take for ever is given up within half a second', async () => {
  const list = Array.from({ length: 2500 }, (_, i) => `g${i}`)
  const claims = { l: list, s: 'a'.repeat(8000), t: `${'a'.repeat(4000)}b` }
  let worst = { source: '', took: 0 }
  for (const source of [
    'claims.l.exists(a, claims.l.exists(b, a + b == "x"))',
    'claims.l.exists(a, a in claims.l.filter(b, b != a))',
    'claims.l.all(a, claims.s != claims.t && !claims.s.contains(claims.t))',
    'claims.l.all(a, !claims.t.matches("^(a+)+$"))',
    'claims.l.map(a, claims.s + claims.s).size() > 3',
    'claims.l.map(a, now.getHours("Europe/Berlin")).size() > 3'
  ]) {
    const compiled = compileRule(source, { path: [], host: [] })
    if (!compiled.ok) throw new Error(compiled.message)
    const took = cost(() => void compiled.rule.evaluate(requestView({ caller: { claims } }), 0))
    if (took > worst.took) worst = { source, took }
  }
  return { holds: worst.took < 500_000, figure: `at most ${Math.round(worst.took / 1000)} ms (${worst.source})` }
})

await proof('reading and compiling a configuration grows as its consumers do', async (owner) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-growth-'))
  owner.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'gatehouse.yaml')
  const read = (consumers: number) => {
    writeFileSync(file, largeConfiguration(10, 'http://127.0.0.1:9', 'a'))
    writeFileSync(join(dir, 'consumers.jsonl'), consumersFile(consumers))
    return () => {
      const { loaded } = loadConfig(file, { env: {} })
      if (loaded === null) throw new Error('not loaded')
      compilePlan(loaded, { generation: 1, stateDir: join(dir, 'var'), writeFiles: false })
    }
  }
  return growth({ '1,000 to 20,000 consumers': read }, 1_000)
})
