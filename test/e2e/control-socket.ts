/** Asks a running gateway's control socket, without the cost of a command's process. */
import http from 'node:http'
import { join } from 'node:path'
import type { ReloadVerdict, StatusReport } from '../../src/control/admin/report.ts'

export async function reload(dir: string): Promise<ReloadVerdict> {
  return (await call(dir, 'POST', '/reload')) as ReloadVerdict
}

export async function status(dir: string): Promise<StatusReport> {
  return (await call(dir, 'GET', '/status')) as StatusReport
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
