/** nginx: the upstream of all, and a peer with an access log and no security. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from '../certificate.ts'
import { folder, freePort, GATEWAY_CORE, listening, LOAD_CORE, type Program, start } from '../processes.ts'
import type { Peer } from './peer.ts'

const SMALL = '{"ok":true,"message":"hello from upstream, this is a small json body of ~100 bytes","n":1}'

export interface Upstream {
  readonly port: number
  readonly program: Program
}

/** Takes a body whole: `return` alone would answer before it has come. */
export const UPLOAD = '/upload'

/** Paths of answers of other sizes; every other path answers some 100 bytes of JSON. */
export const SIZES = { '/10kb': 10 * 1024, '/1mb': 1024 * 1024 } as const

export async function startUpstream(): Promise<Upstream> {
  const port = await freePort()
  const files = join(folder, 'files')
  mkdirSync(files, { recursive: true, mode: 0o755 })
  for (const [path, size] of Object.entries(SIZES)) writeFileSync(join(files, path), 'a'.repeat(size))
  const sized = Object.keys(SIZES).map((path) => `location = ${path} { root ${files}; }`)
  const server = `upstream self { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${port} backlog=4096; client_max_body_size 16m; ${sized.join(' ')}
    location = ${UPLOAD} { client_body_buffer_size 2m; proxy_pass http://self/; proxy_method GET; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location / { default_type application/json; return 200 '${SMALL}'; } }`
  const { program } = await run('upstream', port, LOAD_CORE, 'access_log off;', server)
  return { port, program }
}

export interface ProxyOptions {
  upstream: number
  /** Answers on a TLS port. */
  tls?: Certificate
  /** Streams bodies instead of collecting them first: what large ones are configured with. */
  streaming?: boolean
}

/** proxy_pass with connections kept alive and an access log, and no security. */
export async function startNginxProxy({ upstream, tls, streaming }: ProxyOptions): Promise<Peer> {
  const port = await freePort()
  const secure = tls ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_session_cache off;` : ''
  const bodies = streaming ? 'client_max_body_size 16m; proxy_request_buffering off; proxy_max_temp_file_size 0;' : ''
  return run(
    'nginx',
    port,
    GATEWAY_CORE,
    '',
    `upstream u { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 100000000; }
    server { listen 127.0.0.1:${port} ${tls ? 'ssl' : ''} backlog=4096; ${secure} ${bodies}
      location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://u; } }`
  )
}

/** `return 401` with an access log. */
export async function startNginxRefusal(): Promise<Peer> {
  const port = await freePort()
  const server = `server { listen 127.0.0.1:${port} backlog=4096; location / { return 401; } }`
  return { ...(await run('nginx', port, GATEWAY_CORE, '', server)), name: 'nginx return 401' }
}

let instances = 0

async function run(name: string, port: number, core: number, log: string, server: string): Promise<Peer> {
  const own = join(folder, `nginx-${++instances}`)
  mkdirSync(own, { mode: 0o755 })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${own}/${of};`)
  const access = join(own, 'access.log')
  const file = join(own, 'nginx.conf')
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${own}/pid; error_log ${own}/error.log crit;
events { worker_connections 16384; }
http { ${log || `access_log ${access};`} ${temporary.join(' ')} keepalive_requests 100000000; keepalive_timeout 1h; ${server} }
`
  )
  const program = start(name, 'nginx', ['-c', file, '-e', join(own, 'error.log')], { core })
  await listening(program, port)
  return { name, port, program, compiles: false, logs: log ? [] : [access] }
}
