/**
 * Preloaded into every thread of a gateway: writes the longest turns of each worker's event loop to the file
 * GATEHOUSE_TEST_PAUSES names, one JSON line each: worker, ms of processor time and of wall time. Processor time,
 * because on a shared machine the wall clock counts what other processes took.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { isMainThread, workerData } from 'node:worker_threads'

const file = process.env['TEST_PAUSES_FILE'] ?? ''
const index = isMainThread ? undefined : (workerData as { index?: number } | null)?.index
const WORTH_TELLING = 8

/** ns of processor time of this thread: first field of /proc/[pid]/schedstat. */
function processorTime(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0])
}

if (index !== undefined && file !== '') {
  let wall = performance.now()
  let busy = processorTime()
  setInterval(() => {
    const now = performance.now()
    const spent = processorTime()
    const ms = (spent - busy) / 1e6
    if (ms > WORTH_TELLING)
      appendFileSync(file, `${JSON.stringify({ worker: index, ms, wall: now - wall, at: Date.now() })}\n`)
    wall = now
    busy = spent
  }, 1)
}
