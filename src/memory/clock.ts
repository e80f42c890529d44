/**
 * The only place that reads a clock for the data plane.
 *
 * `process.hrtime` is CLOCK_MONOTONIC, read through the vDSO: one clock for the whole host, so its values compare
 * across worker threads, never step back, and a read that happens after another thread's read (by any Atomics order)
 * is no smaller. `performance.now()` would count from the start of its own thread, so two threads' values would not
 * compare; and it is no cheaper (measured: 54 ns this, 70 ns that).
 */

/** Nanoseconds since the host's boot. Exact over threads: what limits count in. */
export const monotonicNs: () => bigint = process.hrtime.bigint

/** Milliseconds since the host's boot, with a fraction; compares across threads. */
export function monotonicMs(): number {
  return Number(monotonicNs()) / 1e6
}

/** Wall clock, ms since the epoch. It steps when the host's clock is set: for timestamps and expiry, not durations. */
export function wallMs(): number {
  return Date.now()
}
