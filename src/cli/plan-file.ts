/** A configuration file as the plan a gateway would run, without writing anything. */
import { compilePlan, stateDirOf, type Compiled } from '../control/compile/index.ts'
import { loadConfig, type Finding } from '../control/config/load.ts'
import { environmentFindings } from '../control/environment.ts'
import type { Plan } from '../plan/plan.ts'
import type { PolicyTest } from '../policy-test.ts'
import type { ConfigFile } from './config-file.ts'

export interface ReadPlan {
  /** null: the findings say why. */
  plan: Plan | null
  /** Errors and warnings, in the order of the file. */
  findings: Finding[]
  widenings: Finding[]
  tests: PolicyTest[]
  linesOf: Compiled['linesOf']
  /** Absolute; '' without a plan. */
  stateDir: string
}

export function readPlan({ file, name }: ConfigFile, { secrets }: { secrets: boolean }): ReadPlan {
  const { loaded, findings } = loadConfig(file, { name, secrets })
  if (loaded === null) return { plan: null, findings, widenings: [], tests: [], linesOf: () => [], stateDir: '' }
  const stateDir = stateDirOf(loaded)
  const compiled = compilePlan(loaded, { generation: 1, stateDir, writeFiles: false })
  return {
    ...compiled,
    stateDir,
    findings: [...findings, ...compiled.findings, ...environmentFindings(process.env, loaded.envNames, compiled.plan)]
  }
}
