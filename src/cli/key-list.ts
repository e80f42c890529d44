import type { ApiKeyReport } from '../control/api-keys/uses.ts'
import { parseDuration } from '../control/config/units.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { expectOf } from './control-client.ts'
import { duration } from './duration.ts'
import { findGateway, GATEWAY_NOTE, GATEWAY_OPTIONS } from './running-gateway.ts'
import { paint, print, printJson } from './terminal.ts'

export const keyList = defineCommand({
  usage: '[FILE] [options]',
  summary: 'List the API keys that the running gateway knows: whose they are, until when, and the last use of each.',
  options: {
    ...GATEWAY_OPTIONS,
    unused: {
      type: 'string',
      value: 'TIME',
      meaning: 'Only those that were not used for this long, and are known for as long: 90d.'
    },
    json: JSON_OPTION
  },
  arguments: 1,
  notes: [
    'A use is a request that the key identified, whatever was decided of it. It outlives restarts; a process that is killed may lose the last minute. A key that leaves the configuration is forgotten.',
    GATEWAY_NOTE
  ],
  examples: [
    ['gatehouse key list', 'One a line: id, consumer, last use, expiry, the line of the configuration.'],
    ['gatehouse key list --unused 90d', 'What may be taken away.']
  ],
  run: async ({ json, unused, ...where }, [file]) => {
    const idle = unused === undefined ? 0 : parseDuration(unused)
    if (idle === null) throw new UsageError(`--unused takes a duration such as 12h or 90d, not "${unused}"`)
    const { body } = await expectOf(await findGateway(where, file), [200], 'GET', '/keys')
    const now = Date.now()
    const keys = (body as { keys: ApiKeyReport[] }).keys.filter(
      ({ used, known }) => now - Date.parse(used ?? known) >= idle
    )
    if (json) printJson({ keys })
    else if (keys.length === 0) print(unused === undefined ? 'no API keys' : `no API key was unused for ${unused}`)
    else print(keys.map((key) => describe(key, now)).join('\n'))
    return EXIT.yes
  }
})

function describe({ id, consumer, expires, expired, canary, known, used, where }: ApiKeyReport, now: number): string {
  const last = used === null ? `never used since ${known}` : `used ${duration(now - Date.parse(used))} ago, ${used}`
  const end = expires === null ? 'no expiry' : `${expired ? 'EXPIRED' : 'expires'} ${expires.slice(0, 10)}`
  const line = `${id}  ${consumer}  ${last}  ${end}${canary ? '  canary' : ''}  ${where}`
  return expired ? paint('yellow', line) : line
}
