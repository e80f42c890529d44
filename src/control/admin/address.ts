/** `admin: { address, token }`: the admin API over TCP, for owners on other hosts and for what has no right to the socket's file. */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { SecureContext } from 'node:tls'
import { nodeHttp, nodeHttps, nodeTls } from '../../built-in.ts'
import type { AdminPlan } from '../../plan/admin.ts'
import type { CertificatePlan } from '../../plan/certificate.ts'
import { Doorkeeper, type DoorkeeperSettings } from './doorkeeper.ts'
import { listen } from './listen.ts'
import type { Resource } from './resource.ts'
import { ADMIN_HTTP, adminListener, MOST_CONNECTIONS } from './server.ts'

const HANDSHAKE = 5000

/** What of a plan the address goes by. */
export interface AdminAddressPlan {
  admin: AdminPlan
  certificates: readonly CertificatePlan[]
}

export class AdminAddress {
  readonly port: number
  readonly #server: Server
  readonly #doorkeeper: Doorkeeper
  readonly #certificates: Certificates | null

  private constructor(port: number, server: Server, doorkeeper: Doorkeeper, certificates: Certificates | null) {
    this.port = port
    this.#server = server
    this.#doorkeeper = doorkeeper
    this.#certificates = certificates
  }

  /** Rejects when the address can't be bound or a certificate can't be read. */
  static async start(plan: AdminAddressPlan, resources: readonly Resource[]): Promise<AdminAddress> {
    const { host, port, tls } = plan.admin
    const doorkeeper = new Doorkeeper(settingsOf(plan), tls)
    const listener = adminListener(resources, (request, open) => doorkeeper.admit(request, open))
    const certificates = tls ? new Certificates(plan.certificates) : null
    const server =
      certificates === null
        ? nodeHttp.createServer(ADMIN_HTTP, listener)
        : nodeHttps.createServer(
            {
              ...ADMIN_HTTP,
              minVersion: 'TLSv1.2',
              handshakeTimeout: HANDSHAKE,
              SNICallback: (name, done) => done(null, certificates.of(name)),
              ...certificates.first
            },
            listener
          )
    server.maxConnections = MOST_CONNECTIONS
    const bound = await listen(server, host, port)
    return new AdminAddress(bound, server, doorkeeper, certificates)
  }

  /** Another token, other certificates: for calls that begin from now on. The address stays. */
  use(plan: AdminAddressPlan): void {
    this.#doorkeeper.use(settingsOf(plan))
    if (this.#certificates === null) return
    this.#certificates.use(plan.certificates)
    if ('setSecureContext' in this.#server && typeof this.#server.setSecureContext === 'function')
      this.#server.setSecureContext(this.#certificates.first)
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

function settingsOf({ admin, certificates }: AdminAddressPlan): DoorkeeperSettings {
  return { tokenHash: admin.tokenHash, hosts: certificates.flatMap(({ covers }) => covers) }
}

/** One secure context per certificate, read when a plan comes and not per handshake. */
class Certificates {
  #first: { cert: Buffer; key: Buffer } = { cert: Buffer.alloc(0), key: Buffer.alloc(0) }
  #contexts: { hosts: readonly string[]; context: SecureContext }[] = []

  constructor(plans: readonly CertificatePlan[]) {
    this.use(plans)
  }

  /** Shown to clients that send no server name, or one that no certificate has. */
  get first(): { cert: Buffer; key: Buffer } {
    return this.#first
  }

  use(plans: readonly CertificatePlan[]): void {
    const read = plans.map(({ hosts, certFile, keyFile }) => ({
      hosts,
      pair: { cert: readFileSync(certFile), key: readFileSync(keyFile) }
    }))
    const [first] = read
    if (first === undefined) throw new Error('admin.tls: there is no certificate')
    this.#contexts = read.map(({ hosts, pair }) => ({ hosts, context: nodeTls.createSecureContext(pair) }))
    this.#first = first.pair
  }

  of(name: string): SecureContext | undefined {
    const wild = `*${name.slice(name.indexOf('.'))}`
    const named = (wanted: string): SecureContext | undefined =>
      this.#contexts.find(({ hosts }) => hosts.includes(wanted))?.context
    return named(name.toLowerCase()) ?? named(wild.toLowerCase()) ?? this.#contexts[0]?.context
  }
}
