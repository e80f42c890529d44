import { CONFIG_OPTION, defineCommand, EXIT, JSON_OPTION } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { printFindings, printWidenings } from './findings.ts'
import { paint, print, printJson } from './terminal.ts'

export const check = defineCommand({
  usage: '[FILE] [options]',
  summary:
    'Read a configuration with all it includes and say everything that is wrong with it, each with file, line and column. Nothing is started or changed.',
  options: {
    config: CONFIG_OPTION,
    'no-secrets': {
      type: 'boolean',
      meaning: 'Do not resolve ${env:…} and ${file:…}: for CI, where the secrets are not.'
    },
    strict: { type: 'boolean', meaning: 'Warnings fail too.' },
    json: JSON_OPTION
  },
  arguments: 1,
  notes: [
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
    const { plan, findings, widenings } = readPlan(found, { secrets: !noSecrets })
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const warnings = findings.length - errors
    const good = plan !== null && errors === 0 && !(strict && warnings > 0)
    if (json) {
      printJson({ ok: good, file: found.name, digest: plan?.digest ?? null, errors, warnings, findings, widenings })
      return good ? EXIT.yes : EXIT.no
    }
    printFindings(findings)
    printWidenings(widenings)
    const verdict = `${count(errors, 'error')}, ${count(warnings, 'warning')}, ${count(widenings.length, 'widening')}`
    if (plan === null || errors > 0) {
      process.stderr.write(`${found.name}: ${verdict}\n`)
      return EXIT.no
    }
    print(
      `${found.name}: ${good ? paint('green', 'good') : verdict}: ${[
        count(plan.listeners.length, 'listener'),
        count(plan.certificates.length, 'certificate'),
        count(new Set(plan.routes.map(({ service }) => service)).size, 'service'),
        count(plan.routes.length, 'route'),
        count(plan.issuers.length, 'issuer'),
        count(plan.consumers.length, 'consumer'),
        count(plan.upstreams.length, 'upstream')
      ].join(
        ', '
      )}${noSecrets ? '; secrets were not looked at' : ''}${good && findings.length + widenings.length > 0 ? ` (${verdict})` : ''}`
    )
    return good ? EXIT.yes : EXIT.no
  }
})

function count(n: number, what: string): string {
  return `${n === 0 ? 'no' : n} ${what}${n === 1 ? '' : 's'}`
}
