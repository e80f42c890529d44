/** Runs the configuration's own tests through the stages that serve, and says of each what is not as expected. */
import type { KeySet } from '../plan/keys.ts'
import type { Plan } from '../plan/plan.ts'
import type { Where } from '../plan/policy.ts'
import { DescriptionError, type Expectation, type PolicyTest } from '../policy-test.ts'
import { explanationOf, type Explanation } from './explain.ts'
import { Rehearsal } from './rehearsal.ts'

export interface Mismatch {
  /** Key of `expect`; `headers.x-tenant` for one header. */
  key: string
  expected: string
  got: string
}

export interface TestOutcome {
  test: PolicyTest
  verdict: 'passed' | 'failed' | 'skipped'
  /** Why it could not even be tried, or was skipped; '' when it was. */
  reason: string
  /** The line that is to blame for that; '' when there is none. */
  where: Where
  mismatches: Mismatch[]
  got: Explanation | null
}

/** Every test, whatever becomes of the others; the tables are made once for all. */
export async function runPolicyTests(
  plan: Plan,
  tests: readonly PolicyTest[],
  keys: readonly KeySet[]
): Promise<TestOutcome[]> {
  if (tests.length === 0) return []
  const callers = new Set(tests.map(({ request }) => request.as).filter((name) => name !== null))
  const rehearsal = await Rehearsal.open(plan, callers, keys)
  try {
    const outcomes: TestOutcome[] = []
    for (const test of tests) outcomes.push(await outcomeOf(test, rehearsal))
    return outcomes
  } finally {
    await rehearsal.close()
  }
}

async function outcomeOf(test: PolicyTest, rehearsal: Rehearsal): Promise<TestOutcome> {
  if (test.incomplete) {
    const reason = 'it holds references, and secrets were not looked at'
    return { test, verdict: 'skipped', reason, where: '', mismatches: [], got: null }
  }
  try {
    const got = explanationOf(await rehearsal.play(test.request, test.repeat))
    const mismatches = compare(test.expect, got)
    return { test, verdict: mismatches.length === 0 ? 'passed' : 'failed', reason: '', where: '', mismatches, got }
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error
    const { message, where } = error
    return { test, verdict: 'failed', reason: message, where, mismatches: [], got: null }
  }
}

function compare(expect: Expectation, got: Explanation): Mismatch[] {
  const found: Mismatch[] = []
  const same = (key: string, expected: string | number | null, actual: string | number): void => {
    if (expected !== null && expected !== actual)
      found.push({ key, expected: String(expected), got: actual === '' ? 'none' : String(actual) })
  }
  if (expect.decision !== got.decision) {
    found.push({ key: 'decision', expected: decisionText(expect), got: decisionText(got) })
  } else {
    // Of another decision, these would be another message's.
    if (got.decision !== 'forward') same('status', expect.status, got.status)
    same('policy', expect.policy, got.policy)
    same('rule', expect.rule, got.rule)
    same('upstream', expect.upstream, got.upstream)
    for (const [name, value] of expect.headers) same(`headers.${name}`, value ?? 'none', valueOf(got.headers, name))
  }
  same('route', expect.route, got.route)
  for (const name of expect.shadow) {
    if (!got.shadow.includes(name)) found.push({ key: 'shadow', expected: name, got: got.shadow.join(', ') || 'none' })
  }
  return found
}

/** `deny with 403 by authorize own` */
function decisionText({
  decision,
  status,
  policy,
  rule
}: Pick<Expectation, 'decision' | 'status' | 'policy' | 'rule'>): string {
  if (decision === 'forward') return decision
  const who = [policy, rule].filter(Boolean).join(' ')
  return `${decision}${status === null ? '' : ` with ${status}`}${who === '' ? '' : ` by ${who}`}`
}

/** `none` when the header is absent. */
function valueOf(headers: Explanation['headers'], name: string): string {
  const values = headers.filter(([candidate]) => candidate === name).map(([, value]) => value)
  return values.length === 0 ? 'none' : values.join(', ')
}
