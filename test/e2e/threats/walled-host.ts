/** A gateway with its bans in the kernel, on a host of a test's own. */
import { control } from '../control.ts'
import { startGateway, type Gateway, type Owner } from '../gateway.ts'
import { makeHosts, outputOf, startVisitor, type Hosts, type Visit } from '../netns.ts'
import { eventually } from '../visitors.ts'

export const yaml = `version: 1
listen: [ { name: v4, address: "10.77.0.1:8080" }, { name: v6, address: "[fd77::1]:8080" } ]
state: { dir: var }
metrics: { address: "10.77.0.1:9090" }
threats: { blockAt: nftables, never: ["10.77.0.4/32"], honeypots: ["/trap"] }
services: [ { name: s, policies: { auth: public }, routes: [ { name: r, match: { paths: ["/"] }, respond: { status: 204 } } ] } ]
`

/** Long enough for an answer from the next namespace, short enough to wait for where none comes; ms. */
export const SHORT = 300

export class WalledHost {
  readonly hosts: Hosts
  readonly gateway: Gateway
  readonly visit: Visit

  constructor(hosts: Hosts, gateway: Gateway, visit: Visit) {
    this.hosts = hosts
    this.gateway = gateway
    this.visit = visit
  }

  static async start(t: Owner): Promise<WalledHost> {
    const hosts = await makeHosts(t)
    const visit = startVisitor(t, hosts, 8080)
    return new WalledHost(hosts, await startGateway(t, yaml, { workers: 1, under: hosts.server }), visit)
  }

  nft(...args: string[]): Promise<string> {
    return outputOf(this.hosts.server, 'nft', ...args)
  }

  /** As nft prints it; '' when there is none. */
  table(): Promise<string> {
    return this.nft('list', 'table', 'inet', 'gatehouse').catch(() => '')
  }

  /** Resolves once the kernel bans this. */
  async banned(address: string): Promise<void> {
    await eventually(async () => (await this.table()).includes(`${address} timeout`), `${address} in the kernel`)
  }

  /** Resolves once a client is answered. */
  async served(address: string): Promise<void> {
    await eventually(async () => (await this.visit(address, '/', SHORT)) === '204', `${address} is served`)
  }

  async ban(address: string, time: string): Promise<void> {
    const { status, body } = await control(this.gateway, '/bans', 'POST', JSON.stringify({ address, for: time }))
    if (status !== 201) throw new Error(body)
  }

  /** Packets that the kernel has dropped. */
  async dropped(): Promise<number> {
    return Number(/counter dropped \{\s+packets (\d+)/.exec(await this.table())?.[1])
  }
}
