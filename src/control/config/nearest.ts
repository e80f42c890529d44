/** The nearest of `known` to what was written, for "did you mean"; null when nothing is near. */
export function nearest(written: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1
  for (const name of known) {
    const distance = editDistance(written, name, bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Restricted Damerau-Levenshtein distance, `cap` when it is not below it. */
function editDistance(a: string, b: string, cap: number): number {
  if (Math.abs(a.length - b.length) >= cap) return cap
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let d = Math.min((previous[j] ?? cap) + 1, (row[j - 1] ?? cap) + 1, (previous[j - 1] ?? cap) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, (older[j - 2] ?? cap) + 1)
      row.push(d)
    }
    older = previous
    previous = row
  }
  return Math.min(cap, previous[b.length] ?? cap)
}
