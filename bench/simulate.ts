/** `npm run simulate`: what limits with `scope: cluster` admit over 2 to 1,000 hosts, and what that costs. The same each time. */
import { simulate, type Scenario } from './cluster/model.ts'

const SIZES = [2, 3, 10, 30, 100, 300, 1000]
const BASE: Omit<Scenario, 'hosts'> = {
  rate: 1000,
  burst: 1000,
  demand: 3,
  skew: 0,
  interval: 100,
  delay: 5,
  seconds: 20,
  partition: null,
  seed: 1
}
const CASES: readonly { name: string; of: Partial<Scenario> }[] = [
  { name: 'even traffic', of: {} },
  { name: 'skewed traffic', of: { skew: 1 } },
  { name: 'slow network', of: { skew: 1, delay: 100 } },
  { name: 'partition', of: { skew: 1, partition: { share: 0.3, from: 5, to: 12 } } },
  { name: 'ten times the demand', of: { skew: 1, demand: 30 } },
  { name: 'everybody at once', of: { demand: 100_000 } }
]

const rows = [['case', 'hosts', 'overshoot', 'allowed', 'settled at', 'exchanges/s']]
for (const { name, of } of CASES)
  for (const hosts of SIZES) {
    const { overshoot, bound, settled, exchanges } = simulate({ ...BASE, ...of, hosts })
    const allowed = of.partition === undefined ? String(bound) : 'while cut off'
    rows.push([name, String(hosts), String(overshoot), allowed, `${settled.toFixed(2)} x`, exchanges.toFixed(0)])
  }

for (const [i, row] of rows.entries()) {
  process.stdout.write(`| ${row.join(' | ')} |\n`)
  if (i === 0) process.stdout.write(`|${' --- |'.repeat(row.length)}\n`)
}
