/** The configuration's own tests, run for `check`, and how their failures are told. */
import type { EffectiveLine } from '../control/compile/origins.ts'
import type { Explanation } from '../pipeline/explain.ts'
import type { Mismatch, TestOutcome } from '../pipeline/policy-tests.ts'
import type { KeySet } from '../plan/keys.ts'
import type { DescribedRequest, PolicyTest } from '../policy-test.ts'
import { keysAtHand } from './issuer-keys.ts'
import type { ReadPlan } from './plan-file.ts'
import { paint } from './terminal.ts'

/** One test as `check --json` prints it. */
export interface TestReport {
  name: string
  where: string
  verdict: TestOutcome['verdict']
  /** Why it could not be tried; '' when it was. */
  reason: string
  /** What is not as expected; empty when it passed. */
  mismatches: Mismatch[]
  /** What came of the request; null when it could not be tried. */
  got: Pick<Explanation, 'decision' | 'status' | 'route' | 'policy' | 'rule' | 'upstream' | 'shadow'> | null
  /** The line of the configuration to look at first, '' when none decided, and what it says; null when it passed. */
  decided: { where: string; what: string } | null
}

export async function runTests({ plan, tests, linesOf, stateDir }: ReadPlan): Promise<TestReport[]> {
  if (plan === null || tests.length === 0) return []
  const keys: KeySet[] = []
  for (const issuer of plan.issuers) {
    const known = await keysAtHand(issuer, stateDir)
    if (known.ok) keys.push({ issuer: issuer.name, version: 1, keys: known.keys, fetchedAt: 0 })
  }
  const { runPolicyTests } = await import('../pipeline/policy-tests.ts')
  const indexes = new Map(plan.routes.map(({ name, index }) => [name, index]))
  const outcomes = await runPolicyTests(plan, tests, keys)
  return outcomes.map((outcome) => {
    const { test, verdict, reason, mismatches, got } = outcome
    const index = indexes.get(got?.route ?? '')
    return {
      name: test.name,
      where: test.where,
      verdict,
      reason,
      mismatches,
      got: got === null ? null : shortOf(got),
      decided: verdict === 'failed' ? decidedBy(outcome, index === undefined ? [] : linesOf(index)) : null
    }
  })
}

function shortOf({ decision, status, route, policy, rule, upstream, shadow }: Explanation): TestReport['got'] {
  return { decision, status, route, policy, rule, upstream, shadow }
}

function decidedBy(outcome: TestOutcome, lines: readonly EffectiveLine[]): TestReport['decided'] {
  const { got, where } = outcome
  if (got !== null) return decidingLine(outcome, got, lines)
  return where === '' ? null : { where, what: 'auth' }
}

/** The policies that refuse with a status, the likelier first. */
const REFUSING: Readonly<Record<number, readonly EffectiveLine['policy'][]>> = {
  401: ['auth'],
  403: ['authorize', 'ip'],
  413: ['validate'],
  415: ['validate'],
  422: ['validate'],
  429: ['limits']
}

/**
 * Where to look: the line that refused; or, of a request that should have been refused, the line that let it pass,
 * which is what the expected policy says of this route now.
 *
 * @param lines what holds for the route that was met
 */
function decidingLine(
  { test: { expect }, mismatches }: TestOutcome,
  got: Explanation,
  lines: readonly EffectiveLine[]
): TestReport['decided'] {
  const last = got.steps.at(-1)
  if (got.decision === 'deny' && last) {
    return { where: last.where, what: `${wordsOf(last)} denied: ${last.detail}` }
  }
  const header = mismatches.find(({ key }) => key.startsWith('headers.'))?.key.slice('headers.'.length)
  const source = header === undefined ? null : policyOf(header)
  const said = source === null ? undefined : lines.findLast(({ policy }) => policy === source)
  if (said) return { where: said.where, what: lineText(said) }
  const shadow = mismatches.find(({ key }) => key === 'shadow')?.expected
  const placed = got.steps.filter(({ where }) => where !== '')
  const expected = placed.filter(({ policy, rule }) => named(policy, rule, expect.policy, expect.rule))
  const step =
    // Of several of one policy the one on trial; else the nearest to the route: that is where most of it is said.
    expected.findLast((one) => one.shadow) ??
    expected.at(-1) ??
    placed.find(({ policy, rule }) => rule === shadow || policy === shadow)
  if (step)
    return {
      where: step.where,
      what: `${wordsOf(step)} ${step.shadow ? 'would have denied' : step.verdict === 'answer' ? 'answered' : 'passed'}`
    }
  const policies = expect.decision === 'deny' ? (REFUSING[expect.status ?? 0] ?? []) : []
  const line =
    lines.find(({ policy, key }) => header !== undefined && policy === 'headers' && key.endsWith(`.${header}`)) ??
    policies.flatMap((wanted) => lines.filter(({ policy }) => policy === wanted)).at(-1)
  if (line) return { where: line.where, what: lineText(line) }
  return got.where === '' ? null : { where: got.where, what: `route ${got.route}` }
}

/** The policy that a header with another value than expected comes of; null: none alone. */
function policyOf(header: string): 'auth' | 'cors' | null {
  if (header.startsWith('access-control-')) return 'cors'
  return /^x-(consumer|consumer-groups|subject|issuer|scopes|auth-method|credential)$/.test(header) ? 'auth' : null
}

function lineText({ policy, key, value }: EffectiveLine): string {
  return `${[policy, key].filter(Boolean).join('.')} is ${value}`
}

function wordsOf({ policy, rule }: { policy: string; rule: string }): string {
  return rule === '' ? policy : `${policy} ${rule}`
}

/** Whether a step is of the rule that is expected to decide, or of the policy where no rule is named. */
function named(policy: string, rule: string, wanted: string | null, wantedRule: string | null): boolean {
  if (wantedRule !== null) return rule === wantedRule && (wanted === null || policy === wanted)
  return wanted !== null && policy === wanted
}

/** One failure, for people: the test and its line, the request, what differs, and the line that decided. */
export function describeFailure({ name, where, reason, mismatches, decided }: TestReport, test: PolicyTest): string {
  const stderr = process.stderr
  const lines = [`${paint('bold', where, stderr)}  ${paint('red', 'failed:', stderr)} ${name}`]
  const rows: [string, string][] = [['request', requestText(test.request, test.repeat)]]
  if (reason !== '') rows.push(['not tried', reason])
  for (const { key, expected, got } of mismatches) rows.push([key, `expected ${expected}, got ${got}`])
  if (decided !== null)
    rows.push(decided.where === '' ? ['why', decided.what] : ['line', `${decided.where}: ${decided.what}`])
  const width = Math.max(...rows.map(([key]) => key.length))
  for (const [key, text] of rows) lines.push(`  ${key.padEnd(width)}  ${text}`)
  return `${lines.join('\n')}\n`
}

function requestText(
  { method, url, as, claims, certificate, ip, time, listener }: DescribedRequest,
  repeat: number
): string {
  return [
    `${method} ${url}`,
    as === null ? '' : `as ${as}`,
    claims === null ? '' : `with claims ${JSON.stringify(claims)}`,
    certificate === null ? '' : `with a certificate of ${certificate.join(', ')}`,
    as === null && claims === null && certificate === null ? 'without a credential' : '',
    `from ${ip}`,
    time === null ? '' : `at ${new Date(time).toISOString()}`,
    listener === null ? '' : `at listener ${listener}`,
    repeat === 1 ? '' : `${repeat} times`
  ]
    .filter(Boolean)
    .join(' ')
}
