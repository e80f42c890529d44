/** Larger bodies, both ways. */
import { startHaproxy } from '../peers/haproxy.ts'
import { startNginxProxy, UPLOAD } from '../peers/nginx.ts'
import type { Scenario } from '../scenario.ts'
import { plainConfig } from './config.ts'
import { duel } from './duel.ts'

function download(name: string, path: string, connections: number): Scenario {
  return bodies(name, `an answer of ${path.slice(1)}`, { path, connections })
}

function upload(name: string, size: string, body: number, connections: number): Scenario {
  return bodies(name, `a request of ${size}`, { method: 'POST', path: UPLOAD, body, connections })
}

function bodies(
  name: string,
  about: string,
  load: { path: string; method?: 'POST'; body?: number; connections: number }
) {
  return duel({
    name,
    about,
    slow: true,
    gateway: plainConfig,
    load: () => load,
    peers: ({ upstream: { port } }) => [
      () => startNginxProxy({ upstream: port, streaming: true }),
      () => startHaproxy(port)
    ]
  })
}

export const download10kb = download('download-10kb', '/10kb', 64)
export const download1mb = download('download-1mb', '/1mb', 16)
export const upload10kb = upload('upload-10kb', '10kb', 10 * 1024, 64)
export const upload1mb = upload('upload-1mb', '1mb', 1024 * 1024, 16)
