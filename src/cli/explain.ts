import type { Explanation } from '../pipeline/explain.ts'
import type { KeySet } from '../plan/keys.ts'
import { DescriptionError } from '../policy-test.ts'
import { defineCommand, EXIT, JSON_OPTION, UsageError } from './command.ts'
import { openConfigFile } from './config-file.ts'
import { printFindings } from './findings.ts'
import { describeSeen, seenRequest } from './explain-request.ts'
import { findGateway, GATEWAY_NOTE, GATEWAY_OPTIONS } from './running-gateway.ts'
import { complain, paint, print, printJson } from './terminal.ts'
import { verdictLines } from './verdicts.ts'

export const explain = defineCommand({
  usage: '(METHOD URL | REQUEST-ID) [options]',
  summary:
    'Say what would happen to a request: its route, the verdict of every policy with its line in the configuration, and what the upstream would be told. Nothing is sent; the pipeline that decides is the one that serves. Or say the same of a request that the running gateway has seen, by its X-Request-Id.',
  options: {
    ...GATEWAY_OPTIONS,
    header: { type: 'string', short: 'H', multiple: true, value: '"NAME: VALUE"', meaning: 'A header field.' },
    data: { type: 'string', short: 'd', value: 'BODY', meaning: 'The body.' },
    as: { type: 'string', value: 'CONSUMER', meaning: 'Call as this consumer, with any method the route takes.' },
    claims: {
      type: 'string',
      value: 'JSON',
      meaning: 'Call with a token of these claims; exp, iat and the audience are filled in, iss must be an issuer.'
    },
    ip: { type: 'string', value: 'ADDRESS', meaning: 'Where the connection comes from. Default 192.0.2.1.' },
    time: { type: 'string', value: 'TIME', meaning: 'When, in ISO 8601. Default now.' },
    listener: {
      type: 'string',
      value: 'NAME',
      meaning: "The listener it comes in at. Default the first that fits the URL's scheme."
    },
    json: JSON_OPTION
  },
  arguments: 2,
  notes: [
    'Exit code 0 when the request would be let through, 1 when it would be refused, 3 when the configuration has errors.',
    'With a REQUEST-ID: 0 when it was let through, 1 when it was not or is not remembered, 3 when no gateway runs. How many requests a gateway remembers is GATEHOUSE_EXPLAIN_BYTES.',
    GATEWAY_NOTE
  ],
  examples: [
    ['gatehouse explain GET https://api.example.com/orders/7 --as acme', 'May acme read that order?'],
    [
      `gatehouse explain GET https://api.example.com/orders/7 --claims '{"iss":"https://idp.example.com","sub":"u1"}'`,
      'What would a token with these claims get?'
    ],
    ['gatehouse explain 01M84YPG7X1BPWC09B1G91K44D', 'Why was that request refused?']
  ],
  run: async (options, [method, url]) => {
    const { config, socket, admin, header, data, as, claims, ip, time, listener, json } = options
    if (method === undefined) throw new UsageError('explain takes a METHOD and a URL, or a REQUEST-ID')
    if (url === undefined) {
      const described = { header, data, as, claims, ip, time, listener }
      const extra = Object.entries(described).find(([, value]) => value !== undefined)
      if (extra) throw new UsageError(`--${extra[0]} describes a request: it goes with a METHOD and a URL`)
      return explainSeen({ config, socket, admin }, requestId(method), json ?? false)
    }
    if (socket !== undefined || admin !== undefined)
      throw new UsageError('--socket and --admin name a running gateway: they go with a REQUEST-ID')
    if (!URL.canParse(url)) throw new UsageError(`"${url}" is no URL; write it whole, with scheme and host`)
    if (as !== undefined && claims !== undefined) throw new UsageError('--as and --claims are two callers: give one')
    const request = {
      method,
      url,
      headers: (header ?? []).map(headerOf),
      body: data ?? null,
      as: as ?? null,
      claims: claims === undefined ? null : claimsOf(claims),
      certificate: null,
      ip: ip ?? '192.0.2.1',
      time: time === undefined ? null : timeOf(time),
      listener: listener ?? null
    }
    const found = await openConfigFile(undefined, config)
    const { readPlan } = await import('./plan-file.ts')
    const { plan, findings, stateDir } = readPlan(found, { secrets: true })
    if (plan === null) {
      printFindings(findings)
      complain(`${found.name} has errors, so nothing can be said of it`)
      return EXIT.unknown
    }
    const { explainRequest } = await import('../pipeline/explain.ts')
    const { keysAtHand } = await import('./issuer-keys.ts')
    const sets: KeySet[] = []
    for (const issuer of plan.issuers) {
      const known = await keysAtHand(issuer, stateDir)
      if (known.ok) sets.push({ issuer: issuer.name, version: 1, keys: known.keys, fetchedAt: 0 })
    }
    const answer = await explainRequest(plan, request, sets).catch((error: unknown) => {
      throw error instanceof DescriptionError ? new UsageError(error.message) : error
    })
    if (json) printJson({ request, ...answer })
    else print(describe(answer))
    return answer.decision === 'deny' ? EXIT.no : EXIT.yes
  }
})

async function explainSeen(where: Parameters<typeof findGateway>[0], id: string, json: boolean): Promise<number> {
  const report = await seenRequest(await findGateway(where), id)
  if (typeof report === 'string') {
    if (json) printJson({ id, found: false, reason: report })
    else complain(report)
    return EXIT.no
  }
  if (json) printJson(report)
  else print(describeSeen(report))
  return report.decision === 'forward' || report.decision === 'answer' ? EXIT.yes : EXIT.no
}

/** Most people who give one word meant an id; whoever forgot the URL did not. */
function requestId(word: string): string {
  if (/^[A-Z]{3,7}$/.test(word)) throw new UsageError(`explain ${word} takes a URL too`)
  if (!/^[\x21-\x7e]{1,64}$/.test(word)) throw new UsageError('a request’s id is 1 to 64 printable characters')
  return word
}

function describe({ status, decision, route, upstream, steps, headers }: Explanation): string {
  const rows = steps.map(({ stage, verdict, policy, rule, where, detail, shadow }) => ({
    policy: stage,
    verdict: shadow ? 'would deny' : verdict,
    said: [policy === stage ? '' : policy, rule, detail, shadow ? '(shadow: only counted and logged)' : ''],
    where
  }))
  const lines = [`route      ${route === '' ? 'none' : route}`, '', ...verdictLines(rows), '']
  if (decision === 'forward') lines.push(`${paint('green', 'forwarded')} to ${upstream}, with`)
  else if (decision === 'answer') lines.push(`${paint('green', 'answered')} by the gateway with ${status}`)
  else return [...lines, `${paint('red', 'refused')} with ${status}`].join('\n')
  return [...lines, ...headers.map(([name, value]) => `  ${name}: ${value}`)].join('\n')
}

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(':')
  const name = text.slice(0, colon).trim()
  // RFC 9110 section 5.6.2 token.
  if (colon < 1 || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    throw new UsageError(`-H takes "Name: value", not "${text}"`)
  }
  return [name, text.slice(colon + 1).trim()]
}

function claimsOf(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`--claims takes a JSON object such as '{"sub":"u1"}'`)
  }
  return value as Record<string, unknown>
}

function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`--time takes a time such as 2027-01-31T12:00:00Z, not "${text}"`)
  return time
}
