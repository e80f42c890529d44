import t from 'tap'
import { Report } from '../../../src/control/compile/report.ts'
import { compileRevocations, MOST_CONFIGURED } from '../../../src/control/compile/revocations.ts'
import type { RevocationConfig } from '../../../src/control/config/schema.ts'

const NOW = Date.UTC(2026, 10, 23)

function compile(entries: RevocationConfig[]): { plans: number; findings: string[] } {
  const report = new Report(
    (path) => path.join('.'),
    () => false,
    () => false
  )
  const plans = compileRevocations(entries, report, NOW)
  return {
    plans: plans.length,
    findings: report.findings().map(({ severity, path, message }) => `${severity} ${path}: ${message}`)
  }
}

const many = (count: number): RevocationConfig[] =>
  Array.from({ length: count }, (_, i) => ({ jti: `t${i}`, until: '2099-01-01' }))

t.test('bounded: N-1, N, N+1', async (t) => {
  t.same(compile(many(MOST_CONFIGURED - 1)), { plans: MOST_CONFIGURED - 1, findings: [] })
  t.same(compile(many(MOST_CONFIGURED)), { plans: MOST_CONFIGURED, findings: [] })
  t.match(compile(many(MOST_CONFIGURED + 1)), {
    plans: 0,
    findings: [`error revocations: ${MOST_CONFIGURED + 1} entries, and there may be ${MOST_CONFIGURED}`]
  })
})

t.test('said twice is an error, for one of the two ends would be the wrong one', async (t) => {
  const { findings } = compile([
    { subject: 'alice', until: '2099-01-01' },
    { subject: 'alice', issuer: 'corp', until: '2099-01-01' },
    { subject: 'alice', until: '2099-06-01' }
  ])
  t.same(findings, ['error revocations[2]: says the same as revocations.0'])
})

t.test('one whose end is over is a warning: the day before, the moment, the day after', async (t) => {
  const until = (day: string): string[] => compile([{ jti: 'a', until: day }]).findings
  t.match(until('2026-11-22'), [/^warning revocations\[0\]\.until: is over/])
  t.match(until('2026-11-23'), [/^warning/])
  t.same(until('2026-11-24'), [])
})
