import { createHash, randomBytes } from 'node:crypto'
import { newApiKey } from '../identity/key-form.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { paint, print, printJson } from './terminal.ts'
import { quoted } from './yaml-text.ts'

export const keyCreate = defineCommand({
  usage: '[--consumer NAME] [options]',
  summary:
    'Make a new API key and the line that admits it. Gatehouse keeps only its SHA-256: the key itself is shown once, here.',
  options: {
    consumer: { type: 'string', value: 'NAME', meaning: 'Whose key it is.' },
    id: {
      type: 'string',
      value: 'ID',
      meaning: "What logs and X-Credential call it. Default: made of the consumer's name and today."
    },
    expires: {
      type: 'string',
      value: 'DATE',
      meaning: 'First day it no longer holds: 2027-01-31, or a number of days: 90d.'
    },
    scope: {
      type: 'string',
      multiple: true,
      value: 'SCOPE',
      meaning: 'Narrows the key to this scope of its consumer.'
    },
    json: JSON_OPTION
  },
  arguments: 0,
  notes: [
    'A key is gatekey_, 43 random characters (256 bits) and 6 of checksum (CRC-32), all of 0-9A-Za-z: secret scanners find leaked ones by gatekey_[0-9A-Za-z]{49}.'
  ],
  examples: [
    ['gatehouse key create --consumer acme --expires 2027-01-31', 'A key for acme.'],
    ['gatehouse key create --json | jq -r .key', 'For scripts.']
  ],
  run: ({ consumer, id, expires, scope, json }) => {
    if (consumer !== undefined && !/^[\x21-\x7e]{1,128}$/.test(consumer)) {
      throw new UsageError('a consumer’s name is 1 to 128 printable characters without space')
    }
    if (id !== undefined && !/^[a-z0-9][a-z0-9_-]{0,62}$/.test(id)) {
      throw new UsageError('--id takes a name such as acme-2027: [a-z0-9][a-z0-9_-]{0,62}')
    }
    for (const one of scope ?? []) {
      // RFC 6749 section 3.3 scope-token.
      if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one)) throw new UsageError(`"${one}" is no scope`)
    }
    const key = newApiKey()
    const made = {
      id: id ?? idFor(consumer ?? 'key'),
      hash: `sha256:${createHash('sha256').update(key).digest('hex')}`,
      ...(expires === undefined ? {} : { expires: dateOf(expires) }),
      ...(scope === undefined ? {} : { scopes: scope })
    }
    const line = yamlLine(made)
    if (json) {
      printJson({ key, ...(consumer === undefined ? {} : { consumer }), ...made, yaml: line })
    } else {
      print(`${paint('bold', key)}\n`)
      print('Give it to its user; it is not kept anywhere. This admits it:\n')
      print(`consumers:\n  - name: ${consumer === undefined ? 'NAME' : quoted(consumer)}\n    keys:\n      - ${line}`)
    }
    return EXIT.yes
  }
})

function idFor(consumer: string): string {
  const stem =
    consumer
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]+/g, '-')
      .replace(/^[-_]+/, '')
      .slice(0, 40) || 'key'
  return `${stem}-${new Date().toISOString().slice(0, 10)}-${randomBytes(2).toString('hex')}`
}

const DAY = 86_400_000

function dateOf(text: string): string {
  const days = /^([1-9]\d{0,4})d$/.exec(text)
  // The day the last of them ends: a date is the first instant a key no longer holds.
  const date = days ? new Date(Date.now() + (Number(days[1]) + 1) * DAY).toISOString().slice(0, 10) : text
  const parsed = new Date(`${date}T00:00:00Z`)
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date) {
    throw new UsageError(`--expires takes a date such as 2027-01-31 or a number of days such as 90d, not "${text}"`)
  }
  if (parsed.getTime() <= Date.now()) throw new UsageError(`--expires ${text} is over already`)
  return date
}

function yamlLine(made: { id: string; hash: string; expires?: string; scopes?: string[] }): string {
  const parts = [`id: ${made.id}`, `hash: "${made.hash}"`]
  if (made.expires) parts.push(`expires: ${made.expires}`)
  if (made.scopes) parts.push(`scopes: [${made.scopes.map(quoted).join(', ')}]`)
  return `{ ${parts.join(', ')} }`
}
