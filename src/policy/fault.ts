/** How an evaluation of a rule ends without a result, and the bound on its work. */

/** Why a rule could not be decided, for the owner. Holds names, never values: it goes to the log. */
export class Fault {
  readonly reason: string
  // Not an Error on purpose: capturing a stack costs 2 µs, and any client may cause these.
  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * Units of work one evaluation may use: one for each element visited and each comparison made, and one for every 16
 * characters read or copied. A unit costs 5-60 ns, so an evaluation ends within about 2 ms; a rule with a loop
 * inside a loop over a token's 8 KB needs 100 times as much, and refuses instead of holding the thread.
 */
export const BUDGET = 30_000

/** The one fault that no operator absorbs: `x || true` must not go on when the work is used up. */
export const SPENT = new Fault('the rule took more work than one evaluation may')

// One evaluation runs at a time in a thread, from start to end.
let left = 0

export function startBudget(): void {
  left = BUDGET
}

export function spend(units: number): void {
  left -= units
  if (left < 0) throw SPENT
}

/** Reading or copying `length` characters. */
export function spendOnText(length: number): void {
  spend(1 + (length >>> 4))
}

/** CEL's name of a value's type. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  switch (typeof value) {
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    default:
      return 'map'
  }
}

export function noOverload(name: string, ...values: unknown[]): Fault {
  return new Fault(`${name} is not defined for ${values.map(typeName).join(' and ')}`)
}
