/** The whole example from outside: `gatehouse example`, then every command it prints, as a person would paste it. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort } from '../e2e/free-port.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

function paste(line: string): Promise<string> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', line], { timeout: 60_000 }, (_error, out, err) => resolve(out + err))
  })
}

t.test('every printed command does what it says; Ctrl-C ends everything', { timeout: 150_000 }, async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(stateDir, { recursive: true, force: true }))
  const env = {
    PATH: process.env['PATH'] ?? '',
    GATEHOUSE_WORKERS: '2',
    GATEHOUSE_DRAIN_DELAY: '0ms',
    EXAMPLE_HTTPS_PORT: String(await freePort()),
    EXAMPLE_HTTP_PORT: String(await freePort()),
    EXAMPLE_METRICS_PORT: String(await freePort()),
    EXAMPLE_STATE_DIR: stateDir
  }
  const example = spawn(process.execPath, [MAIN, 'example'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => void example.kill('SIGKILL'))
  let said = ''
  example.stdout.on('data', (part) => (said += String(part)))
  example.stderr.on('data', (part) => (said += String(part)))
  const exited = once(example, 'exit')
  const ready = new Promise<void>((resolve) => {
    example.stdout.on('data', () => said.includes('Ctrl-C ends it all') && resolve())
  })
  await Promise.race([
    ready,
    exited.then(() => {
      throw new Error(`it ended: ${said}`)
    })
  ])

  const commands = [...said.matchAll(/^# (\d{3}): (.*)\n(.+)$/gm)].map(([, status = '', purpose = '', line = '']) => ({
    status,
    purpose,
    line
  }))
  for (const status of ['200', '201', '308', '401', '403', '404', '429']) {
    t.ok(
      commands.some((command) => command.status === status),
      `${status} is shown`
    )
  }
  for (const { status, purpose, line } of commands) {
    const out = await paste(line)
    const statuses = [...out.matchAll(/^HTTP\/1\.1 (\d{3})|\b(\d{3}) /gm)].map((match) => match[1] ?? match[2])
    const last = line.startsWith('for ') ? statuses.at(-1) : statuses[0]
    t.equal(last, status, `${purpose}: ${out.slice(0, 300)}`)
  }

  const refused = commands.find(({ purpose }) => purpose.includes('another tenant'))
  const id = /^x-request-id: (\S+)/m.exec(await paste(refused?.line ?? ''))?.[1] ?? 'none'
  const why = /^cd .* explain X-REQUEST-ID .*$/m.exec(said)?.[0] ?? 'no command'
  t.match(await paste(why.replace('X-REQUEST-ID', id)), /authorize +deny .*another tenant's orders/)

  const told = commands.find(({ purpose }) => purpose.includes('what a service sees'))
  t.notMatch(await paste(told?.line ?? ''), '"x-consumer":"root"')

  const status = await fetch(`http://127.0.0.1:${env.EXAMPLE_METRICS_PORT}/metrics`)
  t.equal(status.status, 200)

  const second = spawn(process.execPath, [MAIN, 'example'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let refusal = ''
  second.stderr.on('data', (part) => (refusal += String(part)))
  t.same(await once(second, 'close'), [1, null], 'a second one does not take the first for itself')
  t.match(refusal, `the example can't run: a gateway runs on ${stateDir} already`)

  example.kill('SIGINT')
  const [code] = (await exited) as [number | null]
  t.equal(code, 0)
})

t.test('the secrets of the example are for their owner alone', async (t) => {
  const { prepareExample } = await import('../../src/example/material.ts')
  const dir = join(mkdtempSync(join(tmpdir(), 'gh-')), 'example')
  t.teardown(() => rmSync(join(dir, '..'), { recursive: true, force: true }))
  const [first, second] = await Promise.all([prepareExample(dir), prepareExample(dir)])
  t.equal(first.apiKey, second.apiKey, 'two first starts at once end with one set of keys')
  const again = await prepareExample(dir)
  t.notOk(again.made)
  t.equal(again.apiKey, readFileSync(join(dir, 'acme.key'), 'utf8').trim())
  const { statSync, readdirSync } = await import('node:fs')
  for (const file of readdirSync(dir)) t.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file)
  t.equal(statSync(dir).mode & 0o777, 0o700)
})

t.test('the example’s configuration is good, whatever is there yet', async (t) => {
  const { execFileSync } = await import('node:child_process')
  const config = fileURLToPath(new URL('../../config/gatehouse.yaml', import.meta.url))
  const out = execFileSync(process.execPath, [MAIN, 'check', '--json', config], { encoding: 'utf8' })
  t.match(JSON.parse(out), { ok: true, errors: 0, warnings: 0 })
})
