/** `log`: where access lines go, and what never gets into them. */
import type { LogConfig } from '../config/schema.ts'
import type { LogPlan } from '../../plan/log.ts'
import type { RoutePlan } from '../../plan/route.ts'
import type { Documents } from './documents.ts'
import { credentialsOf } from './routes.ts'

const ALWAYS_REDACTED = ['authorization', 'cookie', 'proxy-authorization', 'set-cookie']

/** Compiles `log`; a path is taken relative to the file it is written in. */
export function compileLog(log: LogConfig | undefined, documents: Documents): LogPlan {
  const access = log?.access ?? 'stdout'
  return {
    access:
      access === 'stdout' || access === 'stderr' || access === 'none'
        ? { kind: access }
        : { kind: 'file', path: documents.resolve(access, ['log', 'access']) },
    level: log?.level ?? 'info'
  }
}

/** Headers whose values no log may show: those listed, and every header that some route reads a credential from. */
export function redactedHeaders(log: LogConfig | undefined, routes: readonly RoutePlan[]): string[] {
  const names = new Set(ALWAYS_REDACTED)
  for (const name of log?.redact ?? []) names.add(name.toLowerCase())
  for (const { auth } of routes) for (const name of credentialsOf(auth).header) names.add(name)
  return [...names]
}
