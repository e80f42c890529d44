/**
 * What a limit's tiers say of the worth of who has them, while a worker has to turn requests away: who is granted a tenth
 * of what the best tier is granted wants ten times as much with the same request.
 */
import type { AmountPlan } from '../plan/limit.ts'

/** More than that no tier is worth less than another: who has a low one is cut first, not shut out. */
export const MOST_WEIGHT = 16

/**
 * @param amounts the limit's own and its tiers'; null: not limited
 * @returns for each, in their order: as how many a request counts of who has it, a whole number from 1 (the best) to MOST_WEIGHT
 */
export function tierWeights(amounts: readonly (AmountPlan | null)[]): number[] {
  const granted = amounts.map(grants)
  const best = Math.max(...granted)
  return granted.map((one) => (one === best ? 1 : Math.min(MOST_WEIGHT, Math.max(1, Math.round(best / one)))))
}

/** To be compared among amounts of one limit, which are of one kind. */
function grants(amount: AmountPlan | null): number {
  if (amount === null) return Infinity
  switch (amount.kind) {
    case 'rate':
    case 'sliding':
      return amount.count / amount.period
    case 'quota':
      // A month as thirty days: it only has to be told from a day.
      return amount.per === 'day' ? amount.count * 30 : amount.count
    case 'bandwidth':
      return amount.bytes / amount.period
    case 'concurrent':
      return amount.max
  }
}
