import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { lockStateDir, openStateDir, probeAddress } from '../../src/control/state-dir.ts'
import { freePort } from '../e2e/free-port.ts'

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

t.test('the directory is made, with everything above it, for this user alone', async (t) => {
  const dir = join(folder(t), 'a', 'b')
  openStateDir(dir)
  t.equal(statSync(dir).mode & 0o777, 0o700)
  openStateDir(dir)
})

t.test('one that others can enter is closed to them', async (t) => {
  const dir = join(folder(t), 'open')
  mkdirSync(dir)
  chmodSync(dir, 0o755)
  openStateDir(dir)
  t.equal(statSync(dir).mode & 0o777, 0o700)
})

t.test('a file in its place is said to be one', async (t) => {
  const file = join(folder(t), 'f')
  writeFileSync(file, '')
  t.throws(() => openStateDir(file), /can't be made|is not a directory/)
  t.throws(() => openStateDir(join(file, 'below')), /can't be made/)
})

t.test('a second gateway is refused while the first lives', async (t) => {
  const dir = folder(t)
  const release = await lockStateDir(dir)
  await t.rejects(lockStateDir(dir), {
    message: `another gateway (pid ${process.pid}) uses this state directory: ${dir}`
  })
  release()
  release()
  const again = await lockStateDir(dir)
  again()
  t.same(readdirSync(dir), [], 'nothing is left behind')
})

t.test('the lock of a process that was killed is taken over', async (t) => {
  const dir = folder(t)
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  writeFileSync(join(dir, 'gateway.lock'), JSON.stringify({ pid: child.pid, start, boot }))
  await t.rejects(lockStateDir(dir), { message: new RegExp(`another gateway \\(pid ${child.pid}\\)`) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const release = await lockStateDir(dir)
  t.match(JSON.parse(readFileSync(join(dir, 'gateway.lock'), 'utf8')), { pid: process.pid })
  release()
})

t.test('a number that now belongs to another process, or to this machine before a restart, is nobody', async (t) => {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  for (const stale of [
    JSON.stringify({ pid: process.pid, start: '1', boot }),
    JSON.stringify({ pid: 1, start: '1', boot: 'another boot' }),
    '',
    '{"pid":"x"}',
    'not JSON'
  ]) {
    const dir = folder(t)
    writeFileSync(join(dir, 'gateway.lock'), stale)
    const release = await lockStateDir(dir)
    t.match(JSON.parse(readFileSync(join(dir, 'gateway.lock'), 'utf8')), { pid: process.pid }, stale)
    release()
  }
})

t.test('of many that find the same dead owner, one gets the directory', async (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'gateway.lock'), JSON.stringify({ pid: 1, start: '1', boot: 'another boot' }))
  const code = `
    const { lockStateDir } = await import(${JSON.stringify(new URL('../../src/control/state-dir.ts', import.meta.url).href)})
    process.stdin.once('data', () => lockStateDir(${JSON.stringify(dir)}).then(() => console.log('got'), () => console.log('refused')))
    console.log('here')`
  const children = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'ignore'] })
    t.teardown(() => void child.kill('SIGKILL'))
    return child
  })
  const said = (child: (typeof children)[number]): Promise<string> =>
    once(child.stdout, 'data').then(([data]) => String(data).trim())
  await Promise.all(children.map(said))
  const answers = children.map(said)
  for (const child of children) child.stdin.write('go\n')
  t.same((await Promise.all(answers)).sort(), ['got', ...Array.from({ length: 5 }, () => 'refused')])
})

t.test('a takeover that died in the middle holds nobody up', async (t) => {
  const dir = folder(t)
  const stale = JSON.stringify({ pid: 1, start: '77', boot: 'another boot' })
  writeFileSync(join(dir, 'gateway.lock'), stale)
  writeFileSync(join(dir, 'gateway.lock.77.claim'), stale)
  const late = Date.now() + 11_000
  t.intercept(Date, 'now', { value: () => late })
  const release = await lockStateDir(dir)
  release()
  t.same(readdirSync(dir), [])
})

t.test('addresses', async (t) => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.equal(await probeAddress('127.0.0.1', port), 'in-use')
  server.close()
  await once(server, 'close')
  t.equal(await probeAddress('127.0.0.1', port), 'free')
  t.equal(await probeAddress('192.0.2.1', port), 'no-such-address')
})
