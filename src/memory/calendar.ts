/**
 * Calendar periods in UTC, which quotas run by: as the number of the day (since 1970-01-01) on which they end. Days of
 * POSIX time are all equally long.
 */
const MS_PER_DAY = 86_400_000

export type CalendarPeriod = 'day' | 'month'

/** The day of a moment. @param wall ms since the epoch */
export function dayOf(wall: number): number {
  return Math.floor(wall / MS_PER_DAY)
}

/** First day that is not in the period any more. */
export function endOf(period: CalendarPeriod, day: number): number {
  if (period === 'day') return day + 1
  const date = new Date(day * MS_PER_DAY)
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1))
}

/** Seconds that the period of a moment is long. @param wall ms since the epoch */
export function lengthOf(period: CalendarPeriod, wall: number): number {
  if (period === 'day') return MS_PER_DAY / 1000
  const date = new Date(wall)
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate() * (MS_PER_DAY / 1000)
}

/** ms from a moment to the beginning of a day. */
export function untilDay(day: number, wall: number): number {
  return Math.max(0, day * MS_PER_DAY - wall)
}

/** The beginning of a day, ms since the epoch. */
export function startOf(day: number): number {
  return day * MS_PER_DAY
}
