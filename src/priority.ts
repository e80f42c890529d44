import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * For threads whose work can wait for that of the workers, which serve known callers. `nice`: 0 (the workers' own) to
 * 19 (only when all else sleeps).
 */
export function lowerPriority(nice: number): void {
  try {
    // `self` would be the whole process: on Linux a thread has a number and a priority of its own.
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').pop()), nice)
  } catch {
    // No /proc, or not allowed: the thread then competes at the workers' own priority, and still works.
  }
}
