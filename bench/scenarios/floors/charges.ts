/** Threads that charge one bucket of the limit table as fast as they can. This file is the thread, too. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { monotonicNs } from '../../../src/memory/clock.ts'
import { bytesOfLimitTable, LimitTable, newRate, newVerdict } from '../../../src/memory/limit-table.ts'

interface Charging {
  table: SharedArrayBuffer
  /** Threads that are ready, at 0. */
  ready: SharedArrayBuffer
  threads: number
  count: number
}

const SLOTS = 1024
/** Never reached. */
const RATE = newRate(100_000_000, 1000, 1_000_000_000)

/** @returns ns per charge of one thread, with `threads` of them at it */
export async function chargeAll(threads: number, count: number): Promise<number> {
  const data: Charging = {
    table: new SharedArrayBuffer(bytesOfLimitTable(SLOTS)),
    ready: new SharedArrayBuffer(4),
    threads,
    count
  }
  const all = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: data })
    return new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  })
  const each = await Promise.all(all)
  return each.reduce((sum, ns) => sum + ns, 0) / threads
}

function charge(table: LimitTable, count: number): void {
  const verdict = newVerdict()
  // The request's clock is read once and shared by its limits; the table never sees it stand still for long.
  let now = monotonicNs()
  // Between threads that do nothing else, one may lose a thousand races in a row, and is refused then: a slow charge.
  let lost = 0
  for (let i = 0; i < count; i++) {
    if ((i & 1023) === 0) now = monotonicNs()
    table.take(1, 2, RATE, now, verdict)
    if (!verdict.admitted && ++lost > count / 1000)
      throw new Error('the limit is reached: what is measured is not a charge')
  }
}

function runThread({ table: buffer, ready, threads, count }: Charging): void {
  const table = new LimitTable(buffer, SLOTS)
  charge(table, count / 10)
  const waiting = new Int32Array(ready)
  Atomics.add(waiting, 0, 1)
  while (Atomics.load(waiting, 0) < threads);
  const before = monotonicNs()
  charge(table, count)
  parentPort?.postMessage(Number(monotonicNs() - before) / count)
}

if (!isMainThread) runThread(workerData as Charging)
