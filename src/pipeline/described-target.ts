import type { DescribedRequest } from '../policy-test.ts'

/** Path and query of a described request as its client sends them; `more` is added to the query. */
export function describedTarget({ url }: DescribedRequest, more: readonly string[]): { path: string; query: string } {
  // The path as written: URL would have normalised it already, and an attack would explain as harmless.
  const written = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? ''
  const query = [new URL(url).search.slice(1), ...more].filter((part) => part !== '').join('&')
  return { path: written === '' ? '/' : written, query }
}
