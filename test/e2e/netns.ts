/** Two hosts of a test's own: network namespaces with one cable between them. Needs root, Debian's iproute2 and nftables. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { accessSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Owner } from './gateway.ts'
import { PATIENCE } from './patience.ts'

const run = promisify(execFile)

export interface Hosts {
  /** `ip netns exec …` for the one that the gateway runs on: 10.77.0.1, fd77::1. */
  readonly server: string[]
  /** For the one that has many addresses: 10.77.0.2 to .9, fd77:0:0:2::2 to 9::2. */
  readonly client: string[]
}

/** Why there can't be any here; null when there can. */
export function noHosts(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces are root’s'
  for (const program of ['/usr/sbin/ip', '/usr/sbin/nft']) {
    try {
      accessSync(program)
    } catch {
      return `there is no ${program} here`
    }
  }
  try {
    const name = `gh-${process.pid}-probe`
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
    return null
  } catch {
    return 'this kernel lets nobody make network namespaces'
  }
}

let made = 0

export async function makeHosts(t: Owner): Promise<Hosts> {
  const [server, client] = [`gh-${process.pid}-${++made}s`, `gh-${process.pid}-${made}c`]
  t.teardown(async () => {
    for (const name of [server, client]) await run('ip', ['netns', 'del', name]).catch(() => {})
  })
  const at = (name: string, ...args: string[]): string => `netns exec ${name} ip ${args.join(' ')}`
  const addresses = (name: string, v4: string, v6: string): string[] => [
    at(name, 'addr add', `${v4}/24 dev v0`),
    at(name, '-6 addr add', `${v6}/32 dev v0 nodad`)
  ]
  for (const command of [
    `netns add ${server}`,
    `netns add ${client}`,
    `link add v0 netns ${server} type veth peer name v0 netns ${client}`,
    ...[server, client].flatMap((name) => [at(name, 'link set lo up'), at(name, 'link set v0 up')]),
    ...addresses(server, '10.77.0.1', 'fd77::1'),
    ...[2, 3, 4, 5, 6, 7, 8, 9].flatMap((i) => addresses(client, `10.77.0.${i}`, `fd77:0:0:${i}::2`))
  ])
    await run('ip', command.split(' '))
  return { server: under(server), client: under(client) }
}

function under(name: string): string[] {
  return ['ip', 'netns', 'exec', name]
}

/** What a command says there. */
export async function outputOf([program = '', ...before]: string[], ...args: string[]): Promise<string> {
  return (await run(program, [...before, ...args])).stdout
}

/** Connects anew for each request, and says `silence` where nothing answers in time. */
const VISITOR = `
import http from 'node:http'
import { createInterface } from 'node:readline'
const visit = ([url, from, patience]) => new Promise((resolve) => {
  const request = http.get(url, { localAddress: from, agent: false, timeout: patience }, (response) => {
    response.resume()
    response.on('end', () => resolve(String(response.statusCode)))
  })
  request.on('timeout', () => { resolve('silence'); request.destroy() })
  request.on('error', (error) => resolve(error.code))
})
for await (const line of createInterface({ input: process.stdin })) console.log(await visit(JSON.parse(line)))
`

/** What comes of a request from an address of the client's host; patience in ms. */
export type Visit = (from: string, path?: string, patience?: number, port?: number) => Promise<string>

/** @param port of the server's host, unless a visit names another */
export function startVisitor(t: Owner, { client }: Hosts, port: number): Visit {
  const [program = '', ...before] = client
  const child = spawn(program, [...before, process.execPath, '--input-type=module', '-e', VISITOR], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(() => child.stdin.end())
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (from, path = '/', patience = PATIENCE, at = port) => {
    const url = `http://${from.includes(':') ? '[fd77::1]' : '10.77.0.1'}:${at}${path}`
    child.stdin.write(`${JSON.stringify([url, from, patience])}\n`)
    const { value } = await answers.next()
    return String(value)
  }
}
