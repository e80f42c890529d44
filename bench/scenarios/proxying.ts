/** Forwarding a small answer: bare, and with all the security on. */
import { startBare } from '../peers/bare.ts'
import { startCaddy } from '../peers/caddy.ts'
import { startFastify } from '../peers/fastify.ts'
import { startHaproxy, startSecuredHaproxy } from '../peers/haproxy.ts'
import { startForwarder } from '../peers/native.ts'
import { startNginxProxy } from '../peers/nginx.ts'
import type { Bench } from '../scenario.ts'
import type { Algorithm } from '../tokens.ts'
import { plainConfig, SECURED_PATH, securedConfig } from './config.ts'
import { duel } from './duel.ts'

function securedLoad(bench: Bench, algorithm: Algorithm) {
  return { path: SECURED_PATH, headers: { authorization: `Bearer ${bench.tokens[algorithm]}` } }
}

export const plain = duel({
  name: 'plain',
  about: 'one open route, no policy, beside every peer as a plain proxy',
  slow: true,
  gateway: plainConfig,
  load: () => ({ path: '/hello' }),
  peers: ({ upstream: { port } }) => [
    () => startNginxProxy({ upstream: port }),
    () => startHaproxy(port),
    () => startCaddy(port),
    () => startFastify({ upstream: port }),
    () => startBare(port),
    () => startForwarder(port)
  ]
})

export const securedRs256 = duel({
  name: 'secured-rs256',
  about: 'token, limits per consumer and address, a CEL rule, identity headers, access log',
  gateway: (bench) => securedConfig(bench, { algorithm: 'RS256' }),
  load: (bench) => securedLoad(bench, 'RS256'),
  peers: ({ upstream: { port }, signers: { RS256 }, effort }) => [
    () => startNginxProxy({ upstream: port }),
    () => startSecuredHaproxy(port, RS256),
    () => startFastify({ upstream: port, signer: RS256 }),
    ...(effort.quick
      ? []
      : [() => startFastify({ upstream: port, signer: RS256, cache: true }), () => startBare(port)]),
    () => startForwarder(port)
  ]
})

export const securedPipelined = duel({
  name: 'secured-rs256-pipelined',
  about: 'the same, with upstream connections.pipelining 8',
  gateway: (bench) => securedConfig(bench, { algorithm: 'RS256', pipelining: 8 }),
  load: (bench) => securedLoad(bench, 'RS256'),
  peers: ({ upstream: { port } }) => [() => startNginxProxy({ upstream: port }), () => startForwarder(port)]
})

export const securedEs256 = duel({
  name: 'secured-es256',
  about: 'the secured path with ES256 tokens',
  gateway: (bench) => securedConfig(bench, { algorithm: 'ES256' }),
  load: (bench) => securedLoad(bench, 'ES256'),
  peers: ({ upstream: { port }, signers: { ES256 } }) => [
    () => startNginxProxy({ upstream: port }),
    () => startSecuredHaproxy(port, ES256)
  ]
})
