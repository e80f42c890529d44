/** TLS to the client: on connections that stay, and with a full handshake for every request. */
import type { GatewayConfig } from '../peers/gatehouse.ts'
import { startNginxProxy } from '../peers/nginx.ts'
import type { Bench } from '../scenario.ts'
import { plainConfig } from './config.ts'
import { duel } from './duel.ts'

export function tlsConfig(bench: Bench): GatewayConfig {
  return { ...plainConfig(bench), tls: { certificates: [{ hosts: ['localhost'], ...bench.certificate }] } }
}

const nginx = ({ upstream, certificate }: Bench) => [
  () => startNginxProxy({ upstream: upstream.port, tls: certificate })
]

export const tlsKeepAlive = duel({
  name: 'tls-keep-alive',
  about: 'TLS on connections that stay open',
  slow: true,
  gateway: tlsConfig,
  load: () => ({ path: '/hello', tls: true }),
  peers: nginx
})

export const tlsHandshakes = duel({
  name: 'tls-handshakes',
  about: 'a new TLS connection for every request, nothing resumed',
  slow: true,
  gateway: tlsConfig,
  load: () => ({ path: '/hello', tls: true, reconnect: true, connections: 16 }),
  peers: nginx
})
