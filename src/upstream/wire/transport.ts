import type { UpstreamPlan } from '../../plan/upstream.ts'
import { Targets } from '../targets.ts'
import type { Transport, UpstreamCall, UpstreamRequest, UpstreamSink } from '../transport.ts'
import { WireConnection } from './connection.ts'
import { WireExchange } from './exchange.ts'

/** Our own HTTP/1.1 client on node's sockets: the transport of the hot path. */
export class WireTransport implements Transport {
  readonly #targets: Targets<WireExchange>
  readonly #timeouts: UpstreamPlan['timeouts']

  constructor(plan: UpstreamPlan) {
    this.#timeouts = plan.timeouts
    this.#targets = new Targets<WireExchange>(plan, plan.connections.pipelining, (pool) => new WireConnection(pool))
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
