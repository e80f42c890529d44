import type { AuthPlan, Places } from '../plan.ts'

/**
 * Everywhere that a route's `auth` looks for credentials: what is read there goes neither to rules nor, by default,
 * to the upstream. A public route reads nothing.
 */
export function credentialPlaces(auth: AuthPlan): Places {
  const read = auth.public ? [] : [auth.jwt, auth.key].filter((places) => places !== null)
  const all = (kind: keyof Places) => [...new Set(read.flatMap((places) => places[kind]))]
  return { header: all('header'), cookie: all('cookie'), query: all('query') }
}
