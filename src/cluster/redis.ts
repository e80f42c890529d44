/** The only importer of redis: a store that several hosts share, of whatever shape, as scripts that are run in it. */
import { createHash } from 'node:crypto'
import type { ClusterPlan } from '../plan/cluster.ts'
import type { Script } from './scripts.ts'

/** A connection, kept up by itself. */
export interface Client {
  /** Rejects while there is no connection. No bound on time: a store that is silent is the caller's to judge. */
  run(script: Script, keys: string[], args: string[]): Promise<unknown>
  /** At once; whatever is under way rejects. */
  destroy(): void
}

/** Longest pause between two attempts to connect, ms, drawn at random below it. */
const LONGEST_PAUSE = 1000
const CONNECT_TIMEOUT = 1000

/** What the three kinds of the library's clients have in common. */
interface Library {
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(text: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/**
 * @param onTrouble why it can't be reached, in words without a secret; each time
 * @param random 0 to 1, for tests
 */
export async function connect(
  plan: ClusterPlan,
  onTrouble: (reason: string) => void,
  random: () => number = Math.random
): Promise<Client> {
  const { ClientOfflineError } = await import('redis')
  const library = await open(plan, random)
  /** Why there is no connection: asked without one, the library only says that there is none. */
  let lost = 'not reached yet'
  const failed = (error: unknown): void => {
    lost = reasonOf(error)
    onTrouble(lost)
  }
  library.on('error', failed)
  library.connect().catch((error: unknown) => {
    if (!(error instanceof ClientOfflineError)) failed(error)
  })
  return {
    run: async (script, keys, args) => {
      const options = { keys, arguments: args }
      try {
        return await library.evalSha(shaOf(script), options)
      } catch (error) {
        if (error instanceof ClientOfflineError) throw new Error(lost, { cause: error })
        // The store forgets scripts when it starts anew.
        if (!reasonOf(error).startsWith('NOSCRIPT')) throw error
        return library.eval(script.text, options)
      }
    },
    destroy: () => {
      try {
        library.destroy()
      } catch {
        // It was closed already.
      }
    }
  }
}

/** Not before it is needed: a gateway without a cluster doesn't load the package. */
async function open(plan: ClusterPlan, random: () => number): Promise<Library> {
  const { createClient, createCluster, createSentinel } = await import('redis')
  const { addresses, tls, username, password, database } = plan
  const common = {
    connectTimeout: CONNECT_TIMEOUT,
    // Full jitter, so that hosts which lost one store don't come back to it as one.
    reconnectStrategy: (retries: number): number => 20 + random() * Math.min(LONGEST_PAUSE, 50 * 2 ** retries)
  }
  const { ca = null, serverName = null } = tls ?? {}
  const encrypted = {
    tls: true as const,
    ...(ca === null ? {} : { ca }),
    ...(serverName === null ? {} : { servername: serverName })
  }
  const settings = {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    disableOfflineQueue: true,
    maintNotifications: 'disabled' as const,
    socket: tls === null ? common : { ...common, ...encrypted }
  }
  const nodes = addresses.map(({ host, port }) => ({ host, port }))
  if (plan.kind === 'cluster') {
    const rootNodes = nodes.map((node) => ({ ...settings, socket: { ...settings.socket, ...node } }))
    return createCluster({ RESP: 3, rootNodes, defaults: settings })
  }
  if (plan.kind === 'sentinel') {
    const { sentinelPassword } = plan
    return createSentinel({
      RESP: 3,
      name: plan.master,
      sentinelRootNodes: nodes,
      nodeClientOptions: { ...settings, database },
      sentinelClientOptions: {
        socket: settings.socket,
        ...(sentinelPassword === '' ? {} : { password: sentinelPassword })
      },
      masterPoolSize: 1,
      scanInterval: 1000,
      passthroughClientErrorEvents: true
    })
  }
  const [node] = nodes
  return createClient({ RESP: 3, ...settings, database, socket: { ...settings.socket, ...node } })
}

const shas = new Map<string, string>()

function shaOf({ name, text }: Script): string {
  let sha = shas.get(name)
  if (sha === undefined) shas.set(name, (sha = createHash('sha1').update(text).digest('hex')))
  return sha
}

/** Redis says no password in its errors, and neither does the library; an AggregateError's own message is empty. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ') || error.message
  return error instanceof Error ? error.message || error.name : String(error)
}
