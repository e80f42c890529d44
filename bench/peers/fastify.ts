/** fastify with @fastify/http-proxy and @fastify/jwt, installed on first use: peers/fastify. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { folder, freePort, GATEWAY_CORE, listening, start } from '../processes.ts'
import { AUDIENCE, ISSUER, SCOPE, type Signer, TENANT } from '../tokens.ts'
import type { Peer } from './peer.ts'

const HERE = fileURLToPath(new URL('./fastify', import.meta.url))

/** npm's scripts stay off, as they do for the project itself. */
export function installFastify(): void {
  const lock = readFileSync(join(HERE, 'package-lock.json'), 'utf8')
  const installed = join(HERE, 'node_modules', '.installed-lock.json')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === lock) return
  process.stderr.write('installing fastify and its plugins into bench/peers/fastify (once)\n')
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: HERE,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` }
  })
  writeFileSync(installed, lock)
}

export interface FastifyOptions {
  upstream: number
  /** Tokens to ask for; none: a plain proxy. */
  signer?: Signer
  /** Whether verified tokens are remembered: @fastify/jwt can, and does not by default. */
  cache?: boolean
}

export async function startFastify({ upstream, signer, cache = false }: FastifyOptions): Promise<Peer> {
  const port = await freePort()
  const key = join(folder, `fastify-${port}.pem`)
  if (signer) writeFileSync(key, signer.pem())
  const name = !signer ? 'fastify' : cache ? 'fastify + jwt, caching' : 'fastify + jwt'
  const program = start(name, process.execPath, [join(HERE, 'server.js')], {
    core: GATEWAY_CORE,
    env: {
      NODE_ENV: 'production',
      PORT: String(port),
      UPSTREAM: `http://127.0.0.1:${upstream}`,
      ...(signer
        ? { KEY: key, ALGORITHM: signer.algorithm, ISSUER, AUDIENCE, SCOPE, TENANT, CACHE: cache ? '1' : '' }
        : {})
    }
  })
  await listening(program, port)
  return { name, port, program, compiles: true, logs: [] }
}
