/** What a process group has used, out of /proc: every thread of every process in it, kernel time included. */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: 100 in every Linux that programs are built for, whatever the kernel's own tick. */
const US_PER_TICK = 10_000

/** Positions after the command's name in /proc/PID/stat (proc(5), counted from its third field). */
const PGRP = 2
const UTIME = 11
const STIME = 12

/** µs of processor time so far, to 10 ms. */
export function processorTime(group: number): number {
  let ticks = 0
  for (const { fields } of members(group)) ticks += Number(fields[UTIME]) + Number(fields[STIME])
  return ticks * US_PER_TICK
}

/** Bytes of memory in use, pages that several processes share counted once over all. */
export function memoryInUse(group: number): number {
  let kb = 0
  for (const { pid } of members(group)) {
    kb += Number(/^Pss:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)
  }
  return kb * 1024
}

function* members(group: number): Generator<{ pid: string; fields: string[] }> {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const stat = readOrEmpty(`/proc/${pid}/stat`)
    // The name stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(fields[PGRP]) === group) yield { pid, fields }
  }
}

/** A process may end between the listing and the reading. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
