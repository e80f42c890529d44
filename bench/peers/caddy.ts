/** Caddy's reverse_proxy, plain, without an access log. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, GATEWAY_CORE, listening, start } from '../processes.ts'
import type { Peer } from './peer.ts'

export async function startCaddy(upstream: number): Promise<Peer> {
  const port = await freePort()
  const own = join(folder, `caddy-${port}`)
  mkdirSync(own)
  const file = join(own, 'Caddyfile')
  writeFileSync(
    file,
    `{
	admin off
	auto_https off
}
http://127.0.0.1:${port} {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:${upstream} {
		transport http {
			keepalive_idle_conns_per_host 256
		}
	}
}
`
  )
  const program = start('Caddy', 'caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    core: GATEWAY_CORE,
    env: { GOMAXPROCS: '1', XDG_DATA_HOME: own, XDG_CONFIG_HOME: own }
  })
  await listening(program, port)
  return { name: 'Caddy', port, program, compiles: false, logs: [] }
}
