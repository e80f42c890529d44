/** Entry of the thread that reads and compiles the configuration. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { lowerPriority } from '../priority.ts'
import { compilePlan, stateDirOf } from './compile/index.ts'
import { loadConfig } from './config/load.ts'
import { environmentFindings } from './environment.ts'
import type { Reading, ReadingAnswer, ReadingRequest } from './reading.ts'
import { packConsumers } from '../plan/packed-consumers.ts'

/** Behind the threads that serve, a third of their weight: an owner may be reloading because of the load. */
const NICE = 5

const port = workerData as MessagePort
port.on('message', (request: ReadingRequest) => {
  // For the first one everybody waits, and nothing is served that it could disturb.
  if (request.generation > 1) lowerPriority(NICE)
  port.postMessage(answerTo(request))
})

function answerTo(request: ReadingRequest): ReadingAnswer {
  try {
    return read(request)
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

function read({ configFile, configName, generation }: ReadingRequest): Reading {
  const { loaded, findings, files, directories } = loadConfig(configFile, { name: configName })
  const places = [...files, ...directories]
  if (loaded === null) return { plan: null, findings, files: places, stateDir: '' }
  const stateDir = stateDirOf(loaded)
  const { plan, ...compiled } = compilePlan(loaded, { generation, stateDir, writeFiles: true })
  return {
    plan: plan === null ? null : { ...plan, consumers: packConsumers(plan.consumers) },
    findings: [...findings, ...compiled.findings, ...environmentFindings(process.env, loaded.envNames, plan)],
    files: [...places, ...compiled.files],
    stateDir
  }
}
