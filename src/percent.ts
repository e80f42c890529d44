/** `%XX` undone, as UTF-8. undefined: a `%` without two hex digits behind it, or bytes that are no UTF-8. */
export function decodePercent(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
