/** Entry of the control thread: everything that is not a request. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ControlStart, ControlToMain, MainToControl } from '../messages.ts'
import { Control } from './control.ts'
import { ConfigurationReader } from './reading.ts'
import { FIRST_GENERATION } from './start-reading.ts'

const start = workerData as ControlStart
const reader = new ConfigurationReader()
let noteReadingFailed: (error: Error) => void = () => {}
if (start.reading !== null) {
  const failed = new Promise<Error>((resolve) => (noteReadingFailed = resolve))
  reader.adopt({ port: start.reading.port, failed }, FIRST_GENERATION, start.reading.began)
}
const control = new Control(start, reader, (message: ControlToMain) => parentPort?.postMessage(message))

parentPort?.on('message', (message: MainToControl) => {
  switch (message.type) {
    case 'worker-up':
      return control.workerUp(message.index, message.port)
    case 'worker-down':
      return control.workerDown(message.index)
    case 'worker-failed':
      return control.workerFailed(message.index, message.reason)
    case 'worker-worn':
      return control.workerWorn(message.index)
    case 'worker-bypassed':
      return control.workerBypassed(message.index, message.bypassed)
    case 'reading-failed':
      return noteReadingFailed(new Error(message.reason))
    case 'listening':
      return control.listening(message.ports)
    case 'listen-failed':
      return control.failStart(message.reason)
    case 'reload':
      void control.reload('SIGHUP')
      return
    case 'reopen-logs':
      return control.reopenLogs()
    case 'draining':
      return control.draining()
    case 'close':
      void control.close()
  }
})

void control.start()
