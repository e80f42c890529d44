import { isIP } from 'node:net'
import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net'
import { nodeTls } from '../built-in.ts'
import type { TargetPlan } from '../plan/upstream.ts'

/** One address of an upstream, and how a socket to it is opened: the same for every transport. */
export class Target {
  readonly plan: TargetPlan
  /** `host:port`, for the log. */
  readonly name: string
  /** Event of a socket of `open` after which the exchange may begin. */
  readonly ready: 'connect' | 'secureConnect'
  /** Resumes the last TLS session, which spares the target a signature per connection. */
  #session: Buffer | undefined

  constructor(plan: TargetPlan) {
    this.plan = plan
    this.name = plan.host.includes(':') ? `[${plan.host}]:${plan.port}` : `${plan.host}:${plan.port}`
    this.ready = plan.tls ? 'secureConnect' : 'connect'
  }

  /**
   * Begins to connect. TLS checks the certificate against the target's own host, never against a Host field, which
   * may be the client's. With `onread` the bytes go there instead of into the socket's stream.
   */
  open(onread?: OnReadOpts): Socket {
    const { host, port, tls } = this.plan
    // A socket whose peer vanished without a word (power cut, NAT entry lost) is noticed by TCP itself.
    const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }
    if (!tls) return connectPlain(onread === undefined ? common : { ...common, onread })
    const socket = nodeTls.connect({
      ...common,
      ...(onread === undefined ? {} : { onread }),
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      session: this.#session
    })
    socket.on('session', (session: Buffer) => {
      this.#session = session
    })
    return socket
  }
}
