import { fromBinary } from '../ip.ts'
import { OVER_MAX, OVER_RATE, UNCOUNTED, type PreparedConnections } from '../limits/connections.ts'
import type { WorkerServices } from '../pipeline/services.ts'
import type { ListenerTable } from '../pipeline/tables.ts'
import type { NativeResponse } from './uws.ts'

/**
 * One worker's connections that count for their client. Who is counted is the peer of the connection: nothing was read
 * yet that a proxy could say of somebody else. So trusted proxies don't count, whichever way they name their clients.
 */
export class OpenConnections {
  readonly #services: WorkerServices
  /** Place in the shared table by connection. No more than there are connections. */
  readonly #places = new Map<number, number>()

  constructor(services: WorkerServices) {
    this.#services = services
  }

  /** @returns false: it is to be closed */
  admit(connection: number, res: NativeResponse, listener: ListenerTable, connections: PreparedConnections): boolean {
    const { client: address } = listener
    const peer = fromBinary(res.getRemoteAddress())
    // Gone before it was taken: its end is about to be told.
    if (peer.length === 0 || address.trusts(peer)) return true
    const client = address.key(peer)
    const limits = this.#services.connections
    const place = limits.open(connections, client)
    if (place === OVER_MAX || place === OVER_RATE) {
      if (limits.worthALine(client)) {
        this.#services.connectionRefused({
          client,
          listener: listener.plan.name,
          limit: place === OVER_MAX ? 'max' : 'rate',
          where: connections.plan.where
        })
      }
      return false
    }
    if (place !== UNCOUNTED) this.#places.set(connection, place)
    return true
  }

  ended(connection: number): void {
    // Nothing is counted on most gateways, and nothing is looked up then.
    if (this.#places.size === 0) return
    const place = this.#places.get(connection)
    if (place === undefined) return
    this.#places.delete(connection)
    this.#services.connections.close(place)
  }
}
