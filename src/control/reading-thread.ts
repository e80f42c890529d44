/** Entry of the thread that reads and compiles the configuration. */
import { parentPort } from 'node:worker_threads'
import { lowerPriority } from '../priority.ts'
import { compilePlan, stateDirOf } from './compile/index.ts'
import { loadConfig } from './config/load.ts'
import { environmentFindings } from './environment.ts'
import type { Reading, ReadingRequest } from './reading.ts'

/** Behind the threads that serve, a third of their weight: an owner may be reloading because of the load. */
const NICE = 5

parentPort?.on('message', (request: ReadingRequest) => {
  // For the first one everybody waits, and nothing is served that it could disturb.
  if (request.generation > 1) lowerPriority(NICE)
  parentPort?.postMessage(read(request))
})

function read({ configFile, configName, generation }: ReadingRequest): Reading {
  const { loaded, findings, files, directories } = loadConfig(configFile, { name: configName })
  const places = [...files, ...directories]
  if (loaded === null) return { plan: null, findings, files: places, stateDir: '' }
  const stateDir = stateDirOf(loaded)
  const compiled = compilePlan(loaded, { generation, stateDir, writeFiles: true })
  return {
    plan: compiled.plan,
    findings: [...findings, ...compiled.findings, ...environmentFindings(process.env, loaded.envNames, compiled.plan)],
    files: [...places, ...compiled.files],
    stateDir
  }
}
