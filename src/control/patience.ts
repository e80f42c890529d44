/**
 * How long a worker that serves nothing yet may take for a step of its start, ms: to come up, and to build its first
 * generation. It loads its code meanwhile, a fifth of a second of a processor, and many seconds where much else wants
 * one. Nobody is served sooner by a start that gives up, so this is for workers that hang: long past what a busy machine
 * takes, and short enough for who waits for the start to read which worker it was.
 */
const START_LIMIT = 60_000
/** After this long it is said that a start takes long, ms. */
const SLOW = 5_000

/** Is told of a start that takes long: of which worker, how long it has been waited for, and how long it will be, ms. */
export type SlowToStart = (index: number, waited: number, left: number) => void

/** What `work` comes to; rejects with `failure` when it takes more than `limit` ms. */
export function within<T>(limit: number, failure: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${failure} within ${limit} ms`)), limit)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** The same for a step of worker `index`'s start. @param more than any start gets, ms */
export function withinStart<T>(
  index: number,
  failure: string,
  slow: SlowToStart,
  work: Promise<T>,
  more = 0
): Promise<T> {
  const told = setTimeout(() => slow(index, SLOW + more, START_LIMIT - SLOW), SLOW + more)
  return within(START_LIMIT + more, failure, work).finally(() => clearTimeout(told))
}
