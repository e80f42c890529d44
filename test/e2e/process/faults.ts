/**
 * Preloaded into every thread of a gateway (`--import`): lets a request break the worker that serves it, as its
 * `x-fault` header says, and tell which worker that is. Works on the compiled stages, as users run them.
 *
 * `throw:STAGE` and `reject:STAGE` fail in that stage; `timer` and `promise` throw outside of any request;
 * `loop:MS` blocks the thread; `abort` takes the process down as native code would. A header `x-fault-on-arrival`
 * fails before there is an exchange. The path `/worker` answers with the worker's index.
 */
import { isMainThread, workerData } from 'node:worker_threads'

interface Exchange {
  rawPath: string
  headers: { get(name: string): string | undefined }
}
interface Stage {
  name: string
  run(x: Exchange): unknown
}

const index = isMainThread ? undefined : (workerData as { index?: number } | null)?.index
if (index !== undefined) {
  const dist = new URL('../../../dist/pipeline/', import.meta.url)
  const { STAGES } = (await import(new URL('index.js', dist).href)) as { STAGES: Stage[] }
  const { Answer } = (await import(new URL('verdict.js', dist).href)) as {
    Answer: new (by: string, status: number, headers: string[], body: string) => unknown
  }
  const { HeaderList } = (await import(new URL('../headers.js', dist).href)) as {
    HeaderList: { prototype: { add(name: string, value: string): void } }
  }
  // uWebSockets.js swallows what its header callback throws, so it is the clock, read right after, that fails.
  let arrived = false
  const add = HeaderList.prototype.add
  HeaderList.prototype.add = function (name, value) {
    arrived ||= name === 'x-fault-on-arrival'
    add.call(this, name, value)
  }
  const now = Date.now
  Date.now = () => {
    if (!arrived) return now()
    arrived = false
    throw new Error('injected on arrival')
  }
  for (const stage of STAGES) {
    const run = stage.run
    stage.run = (x) => {
      const fault = x.headers.get('x-fault')
      if (fault !== undefined) breakWith(fault, stage.name)
      if (fault === `reject:${stage.name}`) return Promise.reject(new Error(`injected rejection in ${stage.name}`))
      if (stage.name === 'route' && x.rawPath === '/worker') return new Answer('test', 200, [], String(index))
      return run(x)
    }
  }
}

function breakWith(fault: string, stage: string): void {
  const [kind, argument] = fault.split(':')
  if (kind === 'throw' && argument === stage) throw new Error(`injected fault in ${stage}`)
  if (stage !== 'client') return
  if (kind === 'timer') {
    setTimeout(() => {
      throw new Error('injected into a timer')
    }, 5)
  }
  if (kind === 'promise') void Promise.reject(new Error('injected into a promise'))
  if (kind === 'loop') {
    const until = performance.now() + Number(argument)
    // After this request was answered, so that it is not the one that waits.
    setTimeout(() => {
      while (performance.now() < until + 5);
    }, 5)
  }
  if (kind === 'abort') process.abort()
}
