/**
 * A clock set back over the end of a month, and a restart then, opened the quotas of the month that had begun anew: what
 * was kept of them ended later than any period could that was under way by the clock.
 */
import t from 'tap'
import { dayOf, endOf } from '../../src/memory/calendar.ts'
import { newVerdict } from '../../src/memory/limit-table.ts'
import { bytesOfQuotaTable, QuotaTable, type Quota } from '../../src/memory/quota-table.ts'

const SLOTS = 64
const MONTHLY: Quota = { count: 5, per: 'month', cost: 1 }

/** Starts at `wall` with 3 of 5 used in the period that ends on `end`. */
function leftAfterStart(wall: number, end: number): number {
  const table = new QuotaTable(new SharedArrayBuffer(bytesOfQuotaTable(SLOTS)), SLOTS, () => wall)
  table.put({ lo: 1, hi: 1, end, count: 3 })
  const verdict = newVerdict()
  table.peek(1, 1, MONTHLY, verdict)
  return verdict.remaining
}

t.test('a month that had begun goes on after a restart in the one before it', async (t) => {
  for (let month = 0; month < 12; month++) {
    const begins = Date.UTC(2028, month, 1)
    const end = endOf('month', dayOf(begins))
    t.equal(leftAfterStart(begins - 1, end), 2, `a moment before ${new Date(begins).toISOString()}`)
    t.equal(leftAfterStart(endOfMonth(begins) - 1, end), 2, 'at its own end')
    t.equal(leftAfterStart(endOfMonth(begins), end), 5, 'and not after it')
  }
})

t.test('what ends later comes of a clock that was set far ahead', async (t) => {
  t.equal(leftAfterStart(Date.UTC(2027, 10, 30, 23, 59), dayOf(Date.UTC(2028, 1, 1))), 5)
})

function endOfMonth(begins: number): number {
  return endOf('month', dayOf(begins)) * 86_400_000
}
