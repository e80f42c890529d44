/** The environment beside the configuration: what each says by itself is good, and together it is not. */
import { envRows, readEnv } from '../env.ts'
import { nearest } from './config/nearest.ts'
import type { Plan } from '../plan/plan.ts'
import type { RoutePlan } from '../plan/route.ts'
import type { Finding } from './config/result.ts'

/** Everything there is to say of the two; `plan` null: there are errors already. */
export function environmentFindings(
  source: Readonly<Record<string, string | undefined>>,
  referred: readonly string[],
  plan: Plan | null
): Finding[] {
  return [...unknownSettings(source, referred), ...bodiesBeyondMemory(source, plan?.routes ?? [])]
}

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

const ROUTES_NAMED = 3

/** A warning for each place that lets bodies be held which no worker may hold: the largest of them are always 503. */
export function bodiesBeyondMemory(
  source: Readonly<Record<string, string | undefined>>,
  routes: readonly RoutePlan[]
): Finding[] {
  const most = readEnv(source).env.GATEHOUSE_BODY_MEMORY
  const found = new Map<string, { maxSize: number; names: string[] }>()
  for (const route of routes) {
    const { maxSize, where } = route.validate
    if (maxSize <= most || !holdsBodies(route)) continue
    const place = where ?? route.where
    const known = found.get(place)
    if (known === undefined) found.set(place, { maxSize, names: [route.name] })
    else known.names.push(route.name)
  }
  return [...found].map(([where, { maxSize, names }]) => {
    const more = names.length > ROUTES_NAMED ? ` and ${names.length - ROUTES_NAMED} more` : ''
    const of = `${names.slice(0, ROUTES_NAMED).join(', ')}${more}`
    const message = `bodies of up to ${maxSize} bytes are held whole here (${of}), and a worker may hold ${most} (GATEHOUSE_BODY_MEMORY): a longer one is always refused with 503`
    return { severity: 'warning', where, path: 'validate.body.maxSize', message }
  })
}

/** Whether something is asked of what a body holds: its structure, its schema, its digest. */
function holdsBodies({ auth, validate, validateShadow }: RoutePlan): boolean {
  return validate.json !== undefined || validateShadow?.json !== undefined || auth.signature
}
