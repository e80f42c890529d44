import type { UpstreamPlan } from '../../plan/upstream.ts'
import type { Pool } from '../pool.ts'
import { Targets } from '../targets.ts'
import {
  type Transport,
  UNCOUNTED,
  type UpstreamCall,
  type UpstreamCounts,
  type UpstreamRequest,
  type UpstreamSink
} from '../transport.ts'
import { WireConnection } from './connection.ts'
import { WireExchange } from './exchange.ts'

/** Our own HTTP/1.1 client on node's sockets: the transport of the hot path. */
export class WireTransport implements Transport {
  readonly #targets: Targets<WireExchange>
  readonly #timeouts: UpstreamPlan['timeouts']

  /** Throws when the plan has no target. */
  constructor(plan: UpstreamPlan, counts: UpstreamCounts = UNCOUNTED) {
    this.#timeouts = plan.timeouts
    const open = (pool: Pool<WireExchange>): WireConnection => new WireConnection(pool, counts)
    this.#targets = new Targets<WireExchange>(plan, plan.connections.pipelining, open)
  }

  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    const pool = this.#targets.next()
    const exchange = new WireExchange(request, sink, pool, this.#timeouts)
    if (this.#targets.closed) exchange.fail('connect', 'the upstream is being closed')
    else pool.submit(exchange)
    return exchange.returns()
  }

  close(): Promise<void> {
    return this.#targets.close()
  }
}
