import { fromBinary } from '../ip.ts'
import { OVER_MAX, OVER_RATE, UNCOUNTED, type PreparedConnections } from '../limits/connections.ts'
import type { WorkerServices } from '../pipeline/services.ts'
import type { ListenerTable } from '../pipeline/tables.ts'
import { connectionOf, type NativeResponse } from './uws.ts'

/**
 * One worker's connections that count for their client. Who is counted is the peer of the connection: nothing was read
 * yet that a proxy could say of somebody else. So trusted proxies don't count, whichever way they name their clients.
 */
export class OpenConnections {
  readonly #services: WorkerServices
  /** By listener, places in the shared table by connection. No more than there are connections. */
  readonly #places: Map<number, number>[] = []
  /** How many more it counts before it is worn, and who is told then. */
  #left: number
  readonly #worn: () => void

  /**
   * @param most connections counted before `worn` is called, once: what the identity of each takes is never given back
   * (`connectionOf`)
   */
  constructor(services: WorkerServices, most: number, worn: () => void) {
    this.#services = services
    this.#left = most
    this.#worn = worn
  }

  /** @param listener its position in the plan, and what it is @returns false: it is to be closed */
  admit(res: NativeResponse, listener: number, table: ListenerTable, connections: PreparedConnections): boolean {
    const { client: address } = table
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
          listener: table.plan.name,
          limit: place === OVER_MAX ? 'max' : 'rate',
          where: connections.plan.where
        })
      }
      return false
    }
    if (place === UNCOUNTED) return true
    ;(this.#places[listener] ??= new Map()).set(connectionOf(res), place)
    if (--this.#left === 0) this.#worn()
    return true
  }

  ended(res: NativeResponse, listener: number): void {
    const places = this.#places[listener]
    // Nothing is counted on most listeners, and which connection it is must not be asked for nothing.
    if (places === undefined || places.size === 0) return
    const connection = connectionOf(res)
    const place = places.get(connection)
    if (place === undefined) return
    places.delete(connection)
    this.#services.connections.close(place)
  }
}
