/** Asks a running gateway's control socket, without the cost of a command's process. */
import http from 'node:http'
import { join } from 'node:path'
import type { ReloadVerdict, StatusReport } from '../../src/control/admin/report.ts'
import { eventually, pause } from './visitors.ts'

export async function reload(dir: string): Promise<ReloadVerdict> {
  return (await call(dir, 'POST', '/reload')) as ReloadVerdict
}

export async function status(dir: string): Promise<StatusReport> {
  return (await call(dir, 'GET', '/status')) as StatusReport
}

/** Resolves when what was counted before this call is in the store, so that `kill -9` can't cost it. */
export async function onDisk(dir: string): Promise<void> {
  // The thread that answers here looks for changed counts four times a second: its answer to a question asked a second
  // from now comes behind such a look, however busy the machine is.
  await pause(1_000)
  await eventually(async () => (await status(dir)).store?.pending === 0, 'all is on the disk')
}

function call(dir: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath: join(dir, 'var/control.sock'), method, path, agent: false },
      (response) => {
        let text = ''
        response.on('data', (data: Buffer) => (text += data.toString()))
        response.on('end', () => resolve(JSON.parse(text)))
      }
    )
    request.on('error', reject)
    request.end()
  })
}
