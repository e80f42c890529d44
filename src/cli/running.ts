/** The commands that speak to a running gateway: status, reload, stop. */
import type { ListenerReport, ReloadVerdict, StatusReport } from '../control/admin/report.ts'
import { defineCommand, EXIT, JSON_OPTION } from './command.ts'
import { callGateway, type Door, expectOf } from './control-client.ts'
import { duration } from './duration.ts'
import { printFindings } from './findings.ts'
import { findGateway, GATEWAY_NOTE, GATEWAY_OPTIONS } from './running-gateway.ts'
import { complain, paint, print, printJson } from './terminal.ts'

const WHERE = { ...GATEWAY_OPTIONS, json: JSON_OPTION }

export const status = defineCommand({
  usage: '[FILE] [options]',
  summary:
    'Say how the running gateway is: generation, workers, listeners, keys, certificates. Exit code 3 when none runs.',
  options: {
    ...WHERE,
    ready: { type: 'boolean', meaning: 'Only say whether it is ready: exit code 0 or 1. For health checks.' }
  },
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [
    ['gatehouse status', 'In words.'],
    ['gatehouse status --ready', 'Exit code 0 when it takes requests, 1 when it starts or drains, 3 when none runs.']
  ],
  run: async ({ json, ready, ...where }, [file]) => {
    const door = await findGateway(where, file)
    if (ready) {
      const answer = await expectOf(door, [200, 503], 'GET', '/ready')
      const report = answer.body as { ready: boolean; draining: boolean }
      if (json) printJson(report)
      else print(report.ready ? 'ready' : report.draining ? 'not ready: draining' : 'not ready')
      return report.ready ? EXIT.yes : EXIT.no
    }
    const report = (await expectOf(door, [200], 'GET', '/status')).body as StatusReport
    if (json) printJson(report)
    else print(describe(report))
    return EXIT.yes
  }
})

export const reload = defineCommand({
  usage: '[FILE] [options]',
  summary: 'Have the running gateway read its configuration again; wait until it serves, or say why it was refused.',
  options: WHERE,
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [
    ['gatehouse reload', 'Exit code 0: the file as it is now serves. 1: refused, and the gateway goes on as before.']
  ],
  run: async ({ json, ...where }, [file]) => {
    const answer = await expectOf(await findGateway(where, file), [200, 422], 'POST', '/reload')
    const verdict = answer.body as ReloadVerdict
    if (json) printJson(verdict)
    else {
      printFindings(verdict.findings)
      if (verdict.outcome === 'refused')
        complain(`refused: ${verdict.reason}; generation ${verdict.generation} goes on`)
      else if (verdict.outcome === 'unchanged') print(`nothing changed: generation ${verdict.generation} serves`)
      else print(`generation ${verdict.generation} serves`)
    }
    return verdict.outcome === 'refused' ? EXIT.no : EXIT.yes
  }
})

export const stop = defineCommand({
  usage: '[FILE] [options]',
  summary: 'Have the running gateway finish what is under way and end; wait until it has.',
  options: { ...WHERE, 'no-wait': { type: 'boolean', meaning: 'Return as soon as it has begun.' } },
  arguments: 1,
  notes: [GATEWAY_NOTE],
  examples: [['gatehouse stop', 'Like SIGTERM to the process.']],
  run: async ({ json, 'no-wait': noWait, ...where }, [file]) => {
    const door = await findGateway(where, file)
    const { pid } = (await expectOf(door, [200], 'GET', '/status')).body as StatusReport
    await expectOf(door, [202], 'POST', '/stop')
    if (!noWait) await gone(door, pid)
    if (json) printJson({ stopped: !noWait, pid })
    else print(noWait ? `gateway ${pid} is draining` : `gateway ${pid} has ended`)
    return EXIT.yes
  }
})

/** The gateway's own deadline bounds the drain; its guard kills what doesn't keep it. */
async function gone(door: Door, pid: number): Promise<void> {
  const still = (): boolean | Promise<boolean> => ('socketPath' in door ? isAlive(pid) : answers(door, pid))
  while (await still()) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** On another host all that shows is that its address answers no more, or a successor does. */
function answers(door: Door, pid: number): Promise<boolean> {
  return callGateway(door, 'GET', '/status').then(
    ({ body }) => (body as StatusReport).pid === pid,
    () => false
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** From about here on a new key may find no slot free. */
const NEARLY_FULL = 0.7
const SOON = 14 * 86_400_000

function describe(report: StatusReport): string {
  const now = Date.now()
  const state = report.draining
    ? paint('yellow', 'draining')
    : report.ready
      ? paint('green', 'ready')
      : paint('red', 'not ready')
  const lines = [
    `${state}: gatehouse ${report.version}, process ${report.pid}, up ${duration(now - Date.parse(report.startedAt))}`,
    `configuration  ${report.configFile}, generation ${report.generation}${report.since ? ` since ${report.since}` : ''}, digest ${report.digest.slice(0, 12)}`
  ]
  if (report.lastReload) {
    const { at, outcome, reason } = report.lastReload
    const line = `last reload    ${outcome} at ${at}${reason ? `: ${reason}` : ''}`
    lines.push(outcome === 'refused' ? paint('red', line) : line)
  }
  for (const listener of report.listeners) lines.push(`listener       ${listener.name}  ${urlOf(listener)}`)
  if (report.admin) lines.push(`admin          ${urlOf(report.admin)}`)
  for (const { index, state: doing, beatAge, restarts, shedding } of report.workers) {
    const beat = beatAge === null ? 'no beat yet' : `beat ${duration(beatAge)} ago`
    const line = `worker ${index}       ${doing}, ${beat}${restarts > 0 ? `, restarted ${restarts} times` : ''}${shedding === 'nobody' ? '' : `, overloaded: turns away ${shedding}`}`
    lines.push(doing === 'serving' && shedding === 'nobody' ? line : paint('yellow', line))
  }
  for (const { name, keys, keyAge, stale, error } of report.issuers) {
    const age = keyAge === null ? 'no keys' : `${keys} ${keys === 1 ? 'key' : 'keys'}, ${duration(keyAge)} old`
    const line = `issuer         ${name}  ${age}${stale ? ', stale' : ''}${error ? `; ${error}` : ''}`
    lines.push(error || stale || keyAge === null ? paint('yellow', line) : line)
  }
  for (const { hosts, notAfter } of report.certificates) {
    const left = Date.parse(notAfter) - now
    const line = `certificate    ${hosts.join(', ')}  ${left > 0 ? `${duration(left)} left` : 'EXPIRED'} (${notAfter})`
    lines.push(left < SOON ? paint(left > 0 ? 'yellow' : 'red', line) : line)
  }
  if (report.revocations) {
    const { configuration, runtime } = report.revocations
    lines.push(`revocations    ${configuration} of the configuration, ${runtime} made at run time`)
  }
  if (report.store) {
    const { state: health, reason, pending, dropped, bytes } = report.store
    const line = `store          ${health}, ${Math.ceil(bytes / 1024)} KiB, ${pending} changes waiting${dropped > 0 ? `, ${dropped} lost` : ''}${reason ? `: ${reason}` : ''}`
    lines.push(health === 'ok' && dropped === 0 ? line : paint('red', line))
  }
  if (report.firewall) {
    const { bans, error } = report.firewall
    lines.push(
      error === null
        ? `firewall       ${bans} ${bans === 1 ? 'ban' : 'bans'} in the kernel`
        : paint('red', `firewall       ${error}`)
    )
  }
  if (report.cluster) {
    const { store, connected, since, trouble, limits, waiting } = report.cluster
    const doing = connected ? `connected for ${duration(since)}` : `away for ${duration(since)}: ${trouble}`
    const exchange = limits.age === null ? 'no exchange yet' : `last exchange ${duration(limits.age)} ago`
    const line = `cluster        ${store}, ${doing}; ${limits.keys} keys, ${exchange}${waiting > 0 ? `, ${waiting} bans and revocations wait` : ''}`
    lines.push(connected ? line : paint('red', line))
  }
  if (report.crowdsec) {
    const { decisions, age, ignored, error } = report.crowdsec
    const heard = age === null ? 'no answer yet' : `heard ${duration(age)} ago`
    const line = `crowdsec       ${decisions} ${decisions === 1 ? 'decision' : 'decisions'}, ${heard}${ignored > 0 ? `, ${ignored} ignored` : ''}${error ? `; ${error}` : ''}`
    lines.push(error === null ? line : paint('yellow', line))
  }
  const used = report.limitTables.filter(({ fill }) => fill > 0)
  for (const { table, half, fill } of used) {
    const line = `limit table    ${table} of ${half}  ${(fill * 100).toFixed(1)} % in use`
    lines.push(fill < NEARLY_FULL ? line : paint('yellow', line))
  }
  return lines.join('\n')
}

function urlOf({ host, port, tls }: Omit<ListenerReport, 'name'>): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
