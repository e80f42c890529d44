/** The commands on bans: list, add, remove. */
import type { BanEntry } from '../control/bans/book.ts'
import type { Kept } from '../control/bans/resources.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { expectOf } from './control-client.ts'
import { duration } from './duration.ts'
import { findGateway, GATEWAY_NOTE, GATEWAY_OPTIONS } from './running-gateway.ts'
import { complain, paint, plain, print, printJson } from './terminal.ts'

const WHERE = { ...GATEWAY_OPTIONS, json: JSON_OPTION }

export const bansList = defineCommand({
  usage: '[FILE] [options]',
  summary: 'List who is banned: by what, until when, and the requests that led there.',
  options: WHERE,
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [
    ['gatehouse bans list', 'Newest first.'],
    ['gatehouse bans list --json', 'For programs.']
  ],
  run: async ({ json, ...where }, [file]) => {
    const { body } = await expectOf(await findGateway(where, file), [200], 'GET', '/bans')
    const { bans } = body as { bans: BanEntry[] }
    if (json) printJson(bans)
    else print(bans.length === 0 ? 'nobody is banned' : bans.map(describe).join('\n'))
    return EXIT.yes
  }
})

export const bansAdd = defineCommand({
  usage: 'ADDRESS [options]',
  summary: 'Ban an address or a network, on every worker at once and over restarts.',
  options: {
    ...WHERE,
    for: { type: 'string', value: 'TIME', meaning: 'How long: 10m, 24h, 7d. Default 24h.' },
    reason: { type: 'string', value: 'TEXT', meaning: 'Why, for whoever lists the bans.' }
  },
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [
    ['gatehouse bans add 192.0.2.1', 'For a day.'],
    ['gatehouse bans add 2001:db8::/48 --for 7d --reason "ticket 4711"', 'A network, for a week.']
  ],
  run: async ({ json, for: time, reason, ...where }, [address]) => {
    if (address === undefined) throw new UsageError('bans add takes an ADDRESS')
    const door = await findGateway(where)
    const wanted = {
      address,
      ...(time === undefined ? {} : { for: time }),
      ...(reason === undefined ? {} : { reason })
    }
    const { status, body } = await expectOf(door, [201, 400, 422], 'POST', '/bans', wanted)
    if (status !== 201) throw new UsageError((body as { detail: string }).detail)
    const ban = body as BanEntry & Kept
    if (json) printJson(ban)
    else print(describe(ban))
    return verdictOn(ban)
  }
})

export const bansRemove = defineCommand({
  usage: 'ADDRESS|ID [options]',
  summary: 'End the ban of an address, a network or whatever an id of the list stands for.',
  options: WHERE,
  arguments: 1,
  notes: [GATEWAY_NOTE, 'Exit code 1 when nothing of that name is banned.'],
  examples: [['gatehouse bans remove 192.0.2.1', 'It may come in again at once, and that it was banned is forgotten.']],
  run: async ({ json, ...where }, [what]) => {
    if (!what) throw new UsageError('bans remove takes an ADDRESS or an ID')
    const door = await findGateway(where)
    const { status, body } = await expectOf(door, [200, 404], 'DELETE', `/bans/${encodeURIComponent(what)}`)
    const { removed = [], within = [], detail = '', ...kept } = body as Removed
    if (json) printJson(removed)
    else if (removed.length > 0) print(removed.map(({ who }) => `${plain(who)} is no longer banned`).join('\n'))
    if (status === 404) {
      complain(plain(detail))
      return EXIT.no
    }
    if (within.length > 0) complain(`${what} is kept out still: it is in ${within.join(', ')}`)
    return verdictOn(kept)
  }
})

/** What a gateway answers that was to end a ban; `detail` where there is none. */
type Removed = Kept & { removed?: BanEntry[]; within?: string[]; detail?: string }

function verdictOn({ kept, notKept }: Kept): number {
  if (kept) return EXIT.yes
  complain(`this does not outlive a restart for now: ${notKept}`)
  return EXIT.no
}

function describe({
  id,
  who,
  scenario,
  where,
  reason,
  at,
  until,
  offences,
  mode,
  limited,
  evidence
}: BanEntry): string {
  const left = Date.parse(until) - Date.now()
  const state = mode === 'shadow' ? 'shadow, ' : limited ? 'limited, ' : ''
  const before = offences > 0 ? `, ${offences} before it` : ''
  const lines = [
    `${paint('bold', plain(who))}  ${scenario}  ${state}${duration(left)} left (until ${until}, since ${at}${before})  ${paint('dim', id)}`
  ]
  const why = [plain(reason), where === '' ? '' : `[${where}]`].filter((part) => part !== '').join('  ')
  if (why !== '') lines.push(`  ${why}`)
  for (const one of evidence)
    lines.push(`  ${one.time}  ${one.status}  ${plain(`${one.method} ${one.path}`)}  ${one.id}`)
  return lines.join('\n')
}
