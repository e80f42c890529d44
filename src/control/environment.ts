/** The environment beside the configuration: a setting that nobody reads is most likely a slip of the pen. */
import { envRows, readEnv } from '../env.ts'
import { nearest } from './config/nearest.ts'
import type { Finding } from './config/result.ts'

/** A warning for each `GATEHOUSE_*` of `source` that is no setting and that the configuration, by `referred`, doesn't use. */
export function unknownSettings(
  source: Readonly<Record<string, string | undefined>>,
  referred: readonly string[]
): Finding[] {
  const known = envRows().map(({ name }) => name)
  return readEnv(source)
    .unknown.filter((name) => !referred.includes(name))
    .map((name) => {
      const near = nearest(name, known)
      const message = `there is no such setting${near ? `: did you mean ${near}?` : ''}`
      return { severity: 'warning', where: 'environment', path: name, message }
    })
}
