/** Entry of the control thread: everything that is not a request. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ControlStart, ControlToMain, MainToControl } from '../messages.ts'
import { ConfigurationReader } from './reading.ts'

const start = workerData as ControlStart
const reader = new ConfigurationReader()
// A start waits for this longest: 10,000 consumers take a second to read, and loading the rest of this thread half of one.
if (start.lastGoodIn === null) {
  const { configFile, configName } = start
  reader.readAhead({ configFile, configName, generation: 1 })
}
const { Control } = await import('./control.ts')
const control = new Control(start, reader, (message: ControlToMain) => parentPort?.postMessage(message))

parentPort?.on('message', (message: MainToControl) => {
  switch (message.type) {
    case 'worker-up':
      return control.workerUp(message.index, message.port)
    case 'worker-down':
      return control.workerDown(message.index)
    case 'worker-failed':
      return control.workerFailed(message.index, message.reason)
    case 'worker-bypassed':
      return control.workerBypassed(message.index, message.bypassed)
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
