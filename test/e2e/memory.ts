import { readFileSync } from 'node:fs'

/** Memory that a process holds, bytes: resident, whatever it shares. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * 1024
}

/** Memory that a process alone holds, bytes: resident, without files and without what it shares. */
export function privateMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * 1024
}

/** For a gateway whose memory is compared: what requests fill once up to its bound is no growth, and is left out. */
export const NOTHING_TO_FILL = { GATEHOUSE_EXPLAIN_BYTES: '0b', GATEHOUSE_RING_BYTES: '64kb' }

export function mb(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MB`
}
