/** Debian's `nft`, which puts a script into force in one transaction or not at all. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** ms; 100,000 elements take about one second. */
const TIME_LIMIT = 10_000
/** Characters of what nft says that are kept. */
const MOST_SAID = 2_000
/** Users without privileges seldom have these in their PATH. */
const ELSEWHERE = ['/usr/sbin', '/sbin']

/** @param check judge the script, and whether it may be used at all, but change nothing @throws Error for the owner */
export type Nft = (script: string, check?: boolean) => Promise<void>

export const nft: Nft = (script, check = false) =>
  new Promise((resolve, reject) => {
    const program = find('nft')
    if (program === null) {
      reject(new Error('there is no nft on this machine (Debian: apt install nftables)'))
      return
    }
    // The texts that explain() knows are those of no language.
    const child = spawn(program, check ? ['-c', '-f', '-'] : ['-f', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { LC_ALL: 'C' },
      timeout: TIME_LIMIT,
      killSignal: 'SIGKILL'
    })
    let said = ''
    child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(0, MOST_SAID)))
    // It may end before it has read all: its exit says why.
    child.stdin.on('error', () => {})
    child.on('error', (error) => reject(new Error(`nft can't be run: ${error.message}`)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(signal === null ? explain(said) : `nft didn't finish within ${TIME_LIMIT / 1000} s`))
    })
    child.stdin.end(script)
  })

function find(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...ELSEWHERE]) {
    if (!folder.startsWith('/')) continue
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {
      continue
    }
  }
  return null
}

function explain(said: string): string {
  const first = said.trim().split('\n')[0] ?? ''
  return /Operation not permitted/.test(said)
    ? `nft is not permitted to (${first}): the gateway needs CAP_NET_ADMIN`
    : `nft says: ${first === '' ? 'nothing' : first}`
}
