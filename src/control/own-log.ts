import { readEnv } from '../env.ts'
import { createLog, type Log } from '../observe/log.ts'
import type { LogPlan } from '../plan/log.ts'
import type { Finding } from './config/load.ts'

/** The program's own events; access lines are observation.ts's. */
export class OwnLog {
  #level: LogPlan['level']
  #now: Log

  constructor() {
    this.#level = readEnv(process.env).env.GATEHOUSE_LOG_LEVEL || 'info'
    this.#now = createLog({ level: this.#level })
  }

  /** Another one once a plan asks for another level: not to be kept. */
  get now(): Log {
    return this.#now
  }

  /** At the environment's level, else at the plan's. */
  use(plan: LogPlan): void {
    const level = readEnv(process.env).env.GATEHOUSE_LOG_LEVEL || plan.level
    if (level === this.#level) return
    this.#level = level
    this.#now = createLog({ level })
  }

  /** What is wrong with a configuration, or to be warned of. */
  findings(findings: readonly Finding[]): void {
    for (const { severity, where, path, message } of findings) {
      const text = `${where} ${path}: ${message}`
      if (severity === 'error') this.#now.error(text, {})
      else this.#now.warn(text, {})
    }
  }
}
