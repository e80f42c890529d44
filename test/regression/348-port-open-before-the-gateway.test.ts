/**
 * Whether an address is free was asked by listening there for a moment, a second before the gateway did: who waited for
 * the port to open was let in, sent its requests, and met nobody.
 */
import { connect } from 'node:net'
import t from 'tap'
import { probeAddress } from '../../src/control/state-dir.ts'
import { freePort } from '../e2e/free-port.ts'

/** What becomes of a client that tries while the question is asked. */
function met(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(port, host, () => {
      client.destroy()
      resolve('let in')
    })
    client.once('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''))
  })
}

t.test('who knocks while the address is asked about is refused', async (t) => {
  const port = await freePort()
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    const [state, client] = await Promise.all([probeAddress(host, port), met('127.0.0.1', port)])
    t.same([state, client], ['free', 'ECONNREFUSED'], host)
  }
})
