/**
 * Preloaded into every thread of a gateway: whenever the file `ask` in TEST_HANDLES_DIR says another number, a worker
 * writes how many objects native code keeps in its heap to `answer-NUMBER` there.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, workerData } from 'node:worker_threads'

const LOOK = 10
/** Bytes of one in V8's table. */
const HANDLE = 32

const dir = process.env['TEST_HANDLES_DIR'] ?? ''
const isWorker = !isMainThread && (workerData as { index?: number } | null)?.index !== undefined

if (isWorker && dir !== '') {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let answered = ''
  setInterval(() => {
    const asked = read(join(dir, 'ask'))
    if (asked === answered) return
    answered = asked
    collect()
    const file = join(dir, `answer-${asked}`)
    const { used_global_handles_size: bytes } = getHeapStatistics()
    writeFileSync(`${file}.new`, String(bytes / HANDLE))
    renameSync(`${file}.new`, file)
  }, LOOK).unref()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
