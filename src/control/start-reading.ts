/** In a file of its own, which loads nothing else: the gateway process begins with it. */
import { extname } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

/** What a gateway process begins with: read before there is anybody to ask for it. */
export const FIRST_GENERATION = 1

export interface ReadingThread {
  /** Where it is asked, by whichever thread has the port: ReadingRequest to ReadingAnswer. It ends when that is closed. */
  port: MessagePort
  /** Resolves when the thread ends, with why it could not go on. */
  failed: Promise<Error>
}

/** Starts a thread that reads configurations. */
export function startReading(): ReadingThread {
  const { port1, port2 } = new MessageChannel()
  const thread = new Worker(new URL('./reading-thread' + extname(import.meta.url), import.meta.url), {
    name: 'reading',
    workerData: port1,
    transferList: [port1]
  })
  const failed = new Promise<Error>((resolve) => {
    thread.once('error', resolve)
    thread.once('exit', () => resolve(new Error('the thread that reads the configuration ended without a word')))
  })
  return { port: port2, failed }
}
