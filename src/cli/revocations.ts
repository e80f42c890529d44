/** `revocations list|add|remove`: whose credentials no longer hold at the running gateway. */
import { parseDuration } from '../control/config/units.ts'
import type { RevocationAnswer, RevocationReport } from '../control/revocations/resources.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { type ControlAnswer, expectOf } from './control-client.ts'
import { findGateway, GATEWAY_NOTE, GATEWAY_OPTIONS } from './running-gateway.ts'
import { complain, print, printJson } from './terminal.ts'

const WHERE = { ...GATEWAY_OPTIONS, json: JSON_OPTION }

export const revocationsList = defineCommand({
  usage: '[FILE] [options]',
  summary: 'List the revocations that hold: those of the configuration, and those made at run time.',
  options: WHERE,
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [
    ['gatehouse revocations list', 'One a line: id, whom, until, why, where it stands.'],
    ['gatehouse revocations list --json | jq .revocations[].id', 'For scripts.']
  ],
  run: async ({ json, ...where }, [file]) => {
    const answer = await expectOf(await findGateway(where, file), [200], 'GET', '/revocations')
    const { revocations } = answer.body as { revocations: RevocationReport[] }
    if (json) printJson({ revocations })
    else if (revocations.length === 0) print('nobody is revoked')
    else for (const one of revocations) print(describe(one))
    return EXIT.yes
  }
})

export const revocationsAdd = defineCommand({
  usage: '(--jti ID | --subject SUB | --consumer NAME | --kid KID | --issued-before TIME) --until TIME [options]',
  summary:
    'Revoke credentials. When it returns, no worker takes them any more, and what was open with them is being cut; it outlives restarts.',
  options: {
    jti: { type: 'string', value: 'ID', meaning: 'One token, by its jti.' },
    subject: { type: 'string', value: 'SUB', meaning: 'Every token with this sub.' },
    consumer: { type: 'string', value: 'NAME', meaning: 'Every credential of this consumer: tokens, keys, all.' },
    kid: { type: 'string', value: 'KID', meaning: 'Every token by the key of this name.' },
    'issued-before': {
      type: 'string',
      value: 'TIME',
      meaning: 'Tokens with an earlier iat, or none: a date, a time in ISO 8601, or now.'
    },
    issuer: { type: 'string', value: 'NAME', meaning: "Only of this issuer, by the configuration's name for it." },
    until: {
      type: 'string',
      value: 'TIME',
      meaning:
        'When it ends, because the last of what it revokes has expired by then: a date, a time in ISO 8601, or a duration from now such as 12h or 30d.'
    },
    reason: { type: 'string', value: 'TEXT', meaning: 'For the log and the list.' },
    ...WHERE
  },
  arguments: 0,
  notes: [
    'Of several of these all must fit. The same once more replaces the end and the reason.',
    'Exit code 1: it holds, but the disk does not take it; or too many were made.',
    GATEWAY_NOTE
  ],
  examples: [
    ['gatehouse revocations add --consumer acme --until 30d --reason "key in a public repository"', 'At once.'],
    ['gatehouse revocations add --issuer corp --subject alice --issued-before now --until 24h', 'Sign alice out.']
  ],
  run: async ({ until, 'issued-before': before, jti, subject, consumer, kid, issuer, reason, json, ...where }) => {
    if (until === undefined) throw new UsageError('--until is missing: when it ends')
    const body = {
      jti,
      subject,
      consumer,
      kid,
      issuer,
      reason,
      issuedBefore: before === 'now' ? new Date().toISOString() : before,
      until: timeOf(until)
    }
    const door = await findGateway(where)
    return tell(await expectOf(door, [201, 409, 422], 'POST', '/revocations', body), json, 'revoked')
  }
})

export const revocationsRemove = defineCommand({
  usage: 'ID [options]',
  summary: 'Take back a revocation that was made at run time. When it returns, every worker takes its caller again.',
  options: WHERE,
  arguments: 1,
  notes: ['One of the configuration is removed there. Exit code 1: no such revocation.', GATEWAY_NOTE],
  examples: [['gatehouse revocations remove rv-0123456789ab', 'By the id that add and list print.']],
  run: async ({ json, ...where }, [id]) => {
    if (id === undefined) throw new UsageError('which one? Name its id, such as rv-0123456789ab')
    const door = await findGateway(where)
    const path = `/revocations/${encodeURIComponent(id)}`
    return tell(await expectOf(door, [200, 404, 409], 'DELETE', path), json, 'taken back')
  }
})

function tell({ status, body }: ControlAnswer, json: boolean | undefined, done: string): number {
  if (status >= 400) {
    const { detail } = body as { detail: string }
    complain(detail)
    return status === 422 ? EXIT.usage : EXIT.no
  }
  const { revocation, kept, notKept, still } = body as RevocationAnswer
  if (json) printJson(body)
  else print(`${done}: ${describe(revocation)}`)
  if (still !== undefined) complain(`it still holds: the configuration says the same, ${still}`)
  if (!kept) complain(`this does not outlive a restart for now: ${notKept}`)
  return kept ? EXIT.yes : EXIT.no
}

function timeOf(text: string): string {
  const duration = parseDuration(text)
  return duration === null ? text : new Date(Date.now() + duration).toISOString()
}

/** `rv-0123456789ab  consumer acme, until 2027-01-01T00:00:00.000Z, "left"  (gatehouse.yaml:3:5)` */
function describe(one: RevocationReport): string {
  const { id, issuer, jti, subject, consumer, kid, issuedBefore, until, reason, where } = one
  const whom = Object.entries({ issuer, jti, subject, consumer, kid, 'issued before': issuedBefore })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
  return `${id}  ${whom.join(', ')}, until ${until}${reason === undefined ? '' : `, ${JSON.stringify(reason)}`}  (${where})`
}
