/** Debian's CrowdSec for a test: its local API on a free port, with a state of its own and the hub that the package brings. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { accessSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { freePort, listens } from './free-port.ts'
import type { Owner } from './gateway.ts'
import { eventually } from './visitors.ts'

const run = promisify(execFile)

const HUB = '/usr/share/crowdsec/hub'
const SHIPPED = fileURLToPath(new URL('../../deploy/crowdsec/', import.meta.url))
export const BOUNCER_KEY = 'of-the-gateway'

/** Why there is none; null when there is. */
export function noCrowdsec(): string | null {
  try {
    for (const path of ['/usr/bin/crowdsec', '/usr/bin/cscli', HUB]) accessSync(path)
    return null
  } catch {
    return 'Debian’s crowdsec is not installed'
  }
}

export class LocalApi {
  readonly dir: string
  readonly port: number
  #child: ChildProcess | null = null

  constructor(dir: string, port: number) {
    this.dir = dir
    this.port = port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  static async start(t: Owner): Promise<LocalApi> {
    const dir = mkdtempSync(join(tmpdir(), 'gatehouse-crowdsec-'))
    const api = new LocalApi(dir, await freePort())
    t.teardown(async () => {
      await api.stop()
      rmSync(dir, { recursive: true, force: true })
    })
    prepare(dir, api.port)
    await api.cscli('machines', 'add', 'tester', '--password', 'of-the-tester', '-f', join(dir, 'client.yaml'))
    await api.cscli('bouncers', 'add', 'gatehouse', '-k', BOUNCER_KEY)
    await api.open()
    return api
  }

  /** Resolves when it takes calls. */
  async open(): Promise<void> {
    this.#child = spawn('crowdsec', ['-c', join(this.dir, 'config.yaml'), '-no-cs'], { stdio: 'ignore' })
    await eventually(() => listens(this.port), 'CrowdSec listens')
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** What cscli says, or why it fails. */
  async cscli(...args: string[]): Promise<string> {
    return (await run('cscli', ['-c', join(this.dir, 'config.yaml'), ...args])).stdout
  }

  /** Has its scenarios decide on an access log of Gatehouse's, from its beginning to its end. */
  readLog(t: Owner, file: string): void {
    const args = ['-c', join(this.dir, 'config.yaml'), '-no-api', '-dsn', `file://${file}`, '-type', 'gatehouse']
    const child = spawn('crowdsec', args, { stdio: 'ignore' })
    t.teardown(() => child.kill('SIGKILL'))
  }
}

function prepare(dir: string, port: number): void {
  const at = (...parts: string[]): string => join(dir, ...parts)
  for (const folder of ['data', 'patterns', 'parsers/s00-raw', 'parsers/s01-parse', 'parsers/s02-enrich', 'scenarios'])
    mkdirSync(at(folder), { recursive: true })
  for (const item of [
    'parsers/s00-raw/crowdsecurity/syslog-logs.yaml',
    'parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml',
    'parsers/s02-enrich/crowdsecurity/http-logs.yaml',
    'scenarios/crowdsecurity/http-probing.yaml'
  ])
    symlinkSync(join(HUB, item), at(join(item, '../..'), basename(item)))
  copyFileSync(join(SHIPPED, 'gatehouse-logs.yaml'), at('parsers/s01-parse/gatehouse-logs.yaml'))
  copyFileSync(join(SHIPPED, 'acquis.yaml'), at('acquis.yaml'))
  // Of its pattern files only those that these parsers need: all of them take seconds to compile.
  for (const name of ['linux-syslog', 'nginx']) copyFileSync(`/etc/crowdsec/patterns/${name}`, at('patterns', name))
  copyFileSync('/etc/crowdsec/profiles.yaml', at('profiles.yaml'))
  writeFileSync(at('simulation.yaml'), 'simulation: false\n')
  writeFileSync(at('client.yaml'), '')
  // No online_client: nothing is told to, or asked of, anybody.
  writeFileSync(
    at('config.yaml'),
    `common: { daemonize: false, log_media: stdout, log_level: info, working_dir: . }
config_paths: { config_dir: ${dir}, data_dir: ${at('data')}, simulation_path: ${at('simulation.yaml')}, hub_dir: ${HUB}, index_path: ${HUB}/.index.json, notification_dir: ${dir}, plugin_dir: /usr/lib/crowdsec/plugins }
crowdsec_service: { acquisition_path: ${at('acquis.yaml')}, parser_routines: 1 }
db_config: { type: sqlite, db_path: ${at('data/crowdsec.db')}, use_wal: false, log_level: error }
api:
  client: { credentials_path: ${at('client.yaml')} }
  server: { listen_uri: "127.0.0.1:${port}", profiles_path: ${at('profiles.yaml')}, log_level: error }
prometheus: { enabled: false }
`
  )
}
