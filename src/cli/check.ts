import { CONFIG_OPTION, defineCommand, EXIT, JSON_OPTION } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { printFindings, printWidenings } from './findings.ts'
import { describeFailure, runTests, type TestReport } from './policy-tests.ts'
import { paint, print, printJson } from './terminal.ts'

export const check = defineCommand({
  usage: '[FILE] [options]',
  summary:
    'Read a configuration with all it includes and say everything that is wrong with it, each with file, line and column; then run its tests. Nothing is started, sent or changed.',
  options: {
    config: CONFIG_OPTION,
    'no-secrets': {
      type: 'boolean',
      meaning:
        'Read no ${env:…} and no ${file:…}, for CI, where the secrets are not: their defaults stand for them, or examples.'
    },
    strict: { type: 'boolean', meaning: 'Warnings fail too.' },
    json: JSON_OPTION
  },
  arguments: 1,
  notes: [
    'tests of the configuration run through the code that serves, without a network: limits start empty for each test, external services are not asked. start and reload do not run them.',
    'A widening is a place where a nearer level lets more pass than a farther one, or where a check is switched off: worth a reviewer’s look, never an error.'
  ],
  examples: [
    ['gatehouse check', 'Checks the configuration that `gatehouse start` would run.'],
    ['gatehouse check --no-secrets --strict gateway.yaml', 'In CI.'],
    ['gatehouse check --json gateway.yaml | jq ".findings[]"', 'For programs.']
  ],
  run: async ({ config, 'no-secrets': noSecrets, strict, json }, [file]) => {
    const found = await openConfigFile(file, config)
    const { readPlan } = await import('./plan-file.ts')
    const read = readPlan(found, { secrets: !noSecrets })
    const { plan, findings, widenings } = read
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const warnings = findings.length - errors
    const tests = errors === 0 ? await runTests(read) : []
    const failures = tests.filter(({ verdict }) => verdict === 'failed').length
    const good = plan !== null && errors === 0 && failures === 0 && !(strict && warnings > 0)
    if (json) {
      const digest = plan?.digest ?? null
      printJson({ ok: good, file: found.name, digest, errors, warnings, failures, findings, widenings, tests })
      return good ? EXIT.yes : EXIT.no
    }
    printFindings(findings)
    printWidenings(widenings)
    tests.forEach((report, i) => {
      const test = read.tests[i]
      if (test !== undefined && report.verdict === 'failed') process.stderr.write(describeFailure(report, test))
    })
    const verdict = [
      count(errors, 'error'),
      count(warnings, 'warning'),
      count(widenings.length, 'widening'),
      ...(failures > 0 ? [`${failures} of ${count(tests.length, 'test')} failed`] : [])
    ].join(', ')
    if (plan === null || errors + failures > 0) {
      process.stderr.write(`${found.name}: ${verdict}\n`)
      return EXIT.no
    }
    const holds = [
      count(plan.listeners.length, 'listener'),
      count(plan.certificates.length, 'certificate'),
      count(new Set(plan.routes.map(({ service }) => service)).size, 'service'),
      count(plan.routes.length, 'route'),
      count(plan.issuers.length, 'issuer'),
      count(plan.consumers.length, 'consumer'),
      count(plan.upstreams.length, 'upstream'),
      ...testsText(tests)
    ].join(', ')
    const secrets = noSecrets ? '; secrets were not looked at' : ''
    const more = good && findings.length + widenings.length > 0 ? ` (${verdict})` : ''
    print(`${found.name}: ${good ? paint('green', 'good') : verdict}: ${holds}${secrets}${more}`)
    return good ? EXIT.yes : EXIT.no
  }
})

function testsText(tests: readonly TestReport[]): string[] {
  const skipped = tests.filter(({ verdict }) => verdict === 'skipped').length
  const passed = tests.length - skipped
  return [
    ...(passed > 0 ? [`${count(passed, 'test')} passed`] : []),
    ...(skipped > 0 ? [`${count(skipped, 'test')} not run for want of secrets`] : [])
  ]
}

function count(n: number, what: string): string {
  return `${n === 0 ? 'no' : n} ${what}${n === 1 ? '' : 's'}`
}
