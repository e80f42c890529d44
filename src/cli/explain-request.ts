/** `explain REQUEST-ID`: what a running gateway decided about a request it has seen, in words. */
import type { RequestReport } from '../control/admin/report.ts'
import { CannotTell } from './command.ts'
import { callGateway, type Door } from './control-client.ts'
import { paint, plain } from './terminal.ts'
import { verdictLines } from './verdicts.ts'

/** @returns a sentence when the gateway remembers no such request. @throws CannotTell when it can't be asked */
export async function seenRequest(door: Door, id: string): Promise<RequestReport | string> {
  const { status, body } = await callGateway(door, 'GET', `/requests/${encodeURIComponent(id)}`)
  if (status === 200) return body as RequestReport
  const { detail } = body as { detail?: unknown }
  const said = typeof detail === 'string' ? detail : `the gateway answered ${status}`
  if (status === 404) return said
  throw new CannotTell(said)
}

export function describeSeen(report: RequestReport): string {
  const { method, scheme, host, path, query, agent, client, listener, caller, upstream } = report
  const url = `${scheme}://${host}${path}${query === '' ? '' : `?${query}`}`
  const who = [caller.consumer || caller.subject, caller.issuer === '' ? '' : `of ${caller.issuer}`]
  const facts: [string, string][] = [
    ['request', `${method} ${url}`],
    ['ended', `${report.time}, after ${report.ms} ms; ${report.bytesIn} bytes in, ${report.bytesOut} out`],
    ['client', [client, listener === '' ? '' : `at listener ${listener}`, agent].filter(Boolean).join('  ')],
    ['caller', caller.method === '' ? 'not asked' : [caller.method, ...who].filter(Boolean).join(' ')],
    ['credential', caller.credential],
    ['route', report.route === '' ? 'none' : report.route],
    [
      'upstream',
      upstream === null
        ? 'not asked'
        : `${upstream.target}${upstream.ms === null ? ', no answer' : `, ${upstream.ms} ms`}`
    ],
    ['decided by', `worker ${report.worker}, ${generationText(report)}`],
    ['trace', report.trace]
  ]
  const lines = facts.filter(([, text]) => text !== '').map(([name, text]) => `${name.padEnd(10)}  ${plain(text)}`)
  const chain = report.chain.map(({ policy, rule, verdict, detail, where }) => ({
    policy,
    verdict,
    said: [rule, detail, verdict === 'would deny' ? '(shadow: only counted and logged)' : ''],
    where
  }))
  return [...lines, '', ...verdictLines(chain), '', outcome(report)].join('\n')
}

function generationText({ generation, serving, linesKnown }: RequestReport): string {
  if (generation === serving) return `generation ${generation}, which serves`
  if (linesKnown) return `generation ${generation}, which generation ${serving} has replaced: lines are those of then`
  return `generation ${generation}, which is too long ago (${serving} serves): what else it said is not known any more`
}

function outcome({ decision, status, upstream }: RequestReport): string {
  switch (decision) {
    case 'forward':
      return `${paint('green', 'forwarded')} to ${upstream?.target ?? 'an upstream'}, which answered ${status}`
    case 'answer':
      return `${paint('green', 'answered')} by the gateway with ${status}`
    case 'deny':
      return `${paint('red', 'refused')} with ${status}`
    case 'error':
      return `${paint('red', 'failed')} with ${status}`
    case 'abort':
      return `${paint('yellow', 'given up')} by the client before it was answered`
  }
}
