/** Brings the example up: its services and issuer here, the gateway as a process of its own in front of them. */
import { join, resolve } from 'node:path'
import { probeAddress } from '../control/state-dir.ts'
import { commandText, exampleCommands, quoted } from './commands.ts'
import { issuerService } from './issuer.ts'
import { EXAMPLE_CONFIG, prepareExample } from './material.ts'
import { echoService, filesService, ordersService, serve, type Running } from './services.ts'

export interface ExampleOptions {
  /** Runs the gateway until it ends; resolves with its exit code. */
  startGateway(options: { configFile: string; configName: string }): Promise<number>
  /** Whether the gateway behind a control socket takes requests. */
  isReady(socket: string): Promise<boolean>
  say(text: string): void
}

/** Resolves with the gateway's exit code when it has ended and everything here is closed. */
export async function runExample({ startGateway, isReady, say }: ExampleOptions): Promise<number> {
  const stateDir = resolve(EXAMPLE_CONFIG, '..', process.env['EXAMPLE_STATE_DIR'] ?? '../var/gatehouse')
  const socket = join(stateDir, 'control.sock')
  if (await isReady(socket))
    throw new Error(
      `a gateway runs on ${stateDir} already: end that one first, with Ctrl-C, or set EXAMPLE_STATE_DIR to another folder to run a second one`
    )
  const material = await prepareExample()
  const running: Running[] = []
  try {
    const up = async (variable: string, handler: Parameters<typeof serve>[0], port: number): Promise<void> => {
      const service = await serve(handler, await freePort(port, say))
      running.push(service)
      process.env[variable] = `http://127.0.0.1:${service.port}`
    }
    await up('EXAMPLE_ISSUER_URL', issuerService(material.issuerKey), 9100)
    await up('EXAMPLE_ORDERS_URL', ordersService(), 9101)
    await up('EXAMPLE_FILES_URL', filesService(), 9102)
    await up('EXAMPLE_ECHO_URL', echoService(), 9103)
    const https = await gatewayPort('EXAMPLE_HTTPS_PORT', 8443, say)
    const http = await gatewayPort('EXAMPLE_HTTP_PORT', 8080, say)
    await gatewayPort('EXAMPLE_METRICS_PORT', 9091, say)

    const ended = startGateway({ configFile: EXAMPLE_CONFIG, configName: 'config/gatehouse.yaml' })
    const ready = await Promise.race([ended.then(() => false), untilReady(() => isReady(socket), ended)])
    if (ready) {
      say(readyText(https, commandText(await exampleCommands(material, https, http)), socket))
    }
    return await ended
  } finally {
    await Promise.all(running.map((service) => service.close()))
  }
}

/** @param commands to be pasted, wherever the other terminal stands */
function readyText(httpsPort: number, commands: string, socket: string): string {
  // The configuration names another folder to a terminal in which the variable is not set.
  const moved = process.env['EXAMPLE_STATE_DIR'] !== undefined
  const gateway = moved ? `--socket ${quoted(socket)}` : '--config config/gatehouse.yaml'
  return `
The example is ready on https://localhost:${httpsPort}; its configuration is config/gatehouse.yaml. Paste these into another terminal:

${commands}
Why was one answered so? With the x-request-id of its answer:

cd ${quoted(resolve(EXAMPLE_CONFIG, '../..'))} && bin/gatehouse explain X-REQUEST-ID ${gateway}

Below is the access log, a line for each request. Ctrl-C ends it all.
`
}

async function untilReady(isReady: () => Promise<boolean>, ended: Promise<number>): Promise<boolean> {
  let over = false
  void ended.finally(() => (over = true))
  while (!over) {
    if (await isReady()) return true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return false
}

/** What the environment says, else `usual`, else any free one. */
async function gatewayPort(variable: string, usual: number, say: (text: string) => void): Promise<number> {
  const asked = Number(process.env[variable] ?? '')
  const port = asked > 0 ? asked : await freePort(usual, say)
  process.env[variable] = String(port)
  return port
}

async function freePort(usual: number, say: (text: string) => void): Promise<number> {
  if ((await probeAddress('127.0.0.1', usual)) === 'free') return usual
  const spare = await serve(() => {}, 0)
  await spare.close()
  say(`port ${usual} is taken: using ${spare.port} instead\n`)
  return spare.port
}
