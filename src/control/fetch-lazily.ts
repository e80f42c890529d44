import type { fetchDocument } from '../upstream/undici.ts'

/** Loading undici is a fifth of what this thread does to start, and most gateways fetch nothing before they serve. */
export const fetchLazily: typeof fetchDocument = async (url, limits) => {
  const undici = await import('../upstream/undici.ts')
  return undici.fetchDocument(url, limits)
}
