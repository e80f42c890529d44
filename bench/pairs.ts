/**
 * Paired rounds. The machines this runs on are shared and drift, so nothing is compared across minutes: every round
 * measures all contestants one right after the other, in an order that turns round each time, and a ratio is taken
 * within its round. What is reported is the median of the rounds' ratios, and how far they were apart.
 */

export interface Ratio {
  /** Medians of the rounds. */
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
  /** Smallest and largest of the rounds. */
  readonly low: number
  readonly high: number
}

/** Measures every contestant once a round. The result has one list per contestant, in the order of rounds. */
export async function alternate<T>(
  rounds: number,
  contestants: readonly T[],
  measure: (contestant: T, round: number) => Promise<number>
): Promise<number[][]> {
  const results: number[][] = contestants.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const order = [...contestants.entries()]
    if (round % 2 === 1) order.reverse()
    for (const [i, contestant] of order) results[i]?.push(await measure(contestant, round))
  }
  return results
}

/** @param of what the ratio of one round is; by default ours / theirs */
export function pairedRatio(
  ours: readonly number[],
  theirs: readonly number[],
  of: (our: number, their: number) => number = (our, their) => our / their
): Ratio {
  const ratios = ours.map((our, round) => of(our, theirs[round] ?? NaN))
  return {
    ours: median(ours),
    theirs: median(theirs),
    ratio: median(ratios),
    low: Math.min(...ratios),
    high: Math.max(...ratios)
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}
