/** Gatehouse itself: this code, or an older commit's. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, GATEWAY_CORE, listening, start } from '../processes.ts'
import type { Peer } from './peer.ts'

/** A gateway as some commit's code builds it. */
export interface Build {
  /** As the tables call it. */
  readonly name: string
  /** Folder with bin/gatehouse. */
  readonly root: string
}

/** The parts of a configuration that scenarios differ in; YAML holds JSON, so it is written as such. */
export interface GatewayConfig {
  readonly services: readonly object[]
  readonly issuers?: readonly object[]
  readonly consumers?: readonly object[]
  readonly profiles?: readonly object[]
  readonly policies?: object
  readonly threats?: object
  readonly tls?: object
}

export interface GatewayOptions {
  config: GatewayConfig
  /** Default 1. */
  workers?: number
  env?: Readonly<Record<string, string>>
  /** Further files of the configuration, by name. */
  files?: Readonly<Record<string, string>>
}

/** This build doesn't know something that the scenario is about. */
export class NotSupported extends Error {}

let instances = 0

/**
 * Everything on as it is by default, the access log into a file.
 * @throws NotSupported
 */
export async function startGatehouse(build: Build, options: GatewayOptions): Promise<Peer> {
  const port = await freePort()
  const own = join(folder, `gatehouse-${++instances}`)
  mkdirSync(own)
  const access = join(own, 'access.log')
  const { tls, ...config } = options.config
  const whole = {
    version: 1,
    listen: [{ address: `127.0.0.1:${port}`, ...(tls ? { tls: true } : {}) }],
    ...(tls ? { tls } : {}),
    ...config,
    log: { access },
    state: { dir: join(own, 'var') }
  }
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(own, name), text)
  const file = join(own, 'gatehouse.yaml')
  writeFileSync(file, JSON.stringify(whole))
  const program = start(build.name, join(build.root, 'bin', 'gatehouse'), ['start', '--config', file], {
    core: GATEWAY_CORE,
    env: { GATEHOUSE_WORKERS: String(options.workers ?? 1), GATEHOUSE_DRAIN_DELAY: '0ms', ...options.env }
  })
  try {
    await listening(program, port)
  } catch (error) {
    const reason = /^.*not supported yet.*$/m.exec(program.output())?.[0]
    if (reason !== undefined) throw new NotSupported(reason.replaceAll(own, '').trim())
    throw error
  }
  return { name: build.name, port, program, compiles: true, logs: [access] }
}
