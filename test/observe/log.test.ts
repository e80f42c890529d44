import t from 'tap'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLog, openAccessLog } from '../../src/observe/log.ts'
import { eventually } from '../e2e/visitors.ts'

function captured(readable: boolean) {
  const lines: string[] = []
  return { lines, destination: { readable, write: (line: string) => void lines.push(line) } }
}

t.test('events are JSON lines with level, time, message and fields', async (t) => {
  const { lines, destination } = captured(false)
  const log = createLog({ level: 'info' }, destination)
  log.info('ready', { workers: 4 })
  log.error('failed', { reason: new Error('because'), message: 'mine' })
  const [ready, failed] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  t.match(ready, { level: 'info', message: 'ready', workers: 4, time: /^\d{4}-\d\d-\d\dT.*Z$/ })
  t.notOk(ready && 'pid' in ready)
  t.match(failed, {
    level: 'error',
    message: 'failed',
    message_: 'mine',
    reason: { message: 'because', stack: String }
  })
  t.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1))
})

t.test('events below the level are not written', async (t) => {
  const { lines, destination } = captured(false)
  const log = createLog({ level: 'warn' }, destination)
  log.debug('a')
  log.info('b')
  log.warn('c')
  log.error('d')
  t.same(
    lines.map((line) => (JSON.parse(line) as { message: string }).message),
    ['c', 'd']
  )
})

t.test('for a person: one readable line, and nothing that moves a terminal', async (t) => {
  const { lines, destination } = captured(true)
  createLog({ level: 'debug' }, destination).warn('stopping \x1b[2J\u202e', { worker: 1, text: 'a\nb\x9b' })
  t.match(lines[0], /^\d\d:\d\d:\d\d\.\d{3} WARN  stopping \\u001b\[2J\\u202e worker=1 text="a\\nb\\u009b"\n$/)
})

t.test('access lines go to a file, in order, and to the new file after a rotation', async (t) => {
  const path = join(t.testdir(), 'access.log')
  const log = openAccessLog({ kind: 'file', path })
  for (let i = 0; i < 1000; i++) log.write(Buffer.from(`{"n":${i}}\n`), 1)
  await log.flush()
  renameSync(path, `${path}.1`)
  log.reopen()
  await eventually(() => existsSync(path), 'it is there again')
  log.write(Buffer.from('after\n'), 1)
  await log.close()
  log.write(Buffer.from('closed\n'), 1)
  const before = readFileSync(`${path}.1`, 'latin1')
  t.equal(before, Array.from({ length: 1000 }, (_, i) => `{"n":${i}}\n`).join(''))
  t.equal(readFileSync(path, 'latin1'), 'after\n')
  t.equal(statSync(path).mode & 0o007, 0, 'nobody else may read it')
  t.equal(log.dropped, 1)
})

t.test('lines are appended to a file that is there', async (t) => {
  const dir = t.testdir({ 'access.log': 'old\n' })
  const log = openAccessLog({ kind: 'file', path: join(dir, 'access.log') })
  log.write(Buffer.from('new\n'), 1)
  await log.close()
  t.equal(readFileSync(join(dir, 'access.log'), 'latin1'), 'old\nnew\n')
})

t.test('a file that cannot be opened is an error at once', async (t) => {
  t.throws(() => openAccessLog({ kind: 'file', path: join(t.testdir(), 'missing', 'access.log') }), /ENOENT/)
})

t.test('a full disk is said once, does not throw, and closing does not hang', async (t) => {
  const errors: Error[] = []
  const log = openAccessLog({ kind: 'file', path: '/dev/full' }, (error) => errors.push(error))
  for (let i = 0; i < 20; i++) {
    log.write(Buffer.from('x\n'), 1)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await log.close()
  t.match(
    errors.map((error) => error.message),
    [/ENOSPC/]
  )
  t.equal(errors.length, 1)
})

t.test('a reader of stdout that goes away ends neither the process nor its work', async (t) => {
  const script = `
    import { createLog, openAccessLog } from ${JSON.stringify(new URL('../../src/observe/log.ts', import.meta.url).href)}
    const access = openAccessLog({ kind: 'stdout' }), log = createLog({ level: 'info' })
    let n = 0
    const timer = setInterval(async () => {
      access.write(Buffer.from('x'.repeat(1000) + '\\n'), 1)
      log.info('event')
      if (++n < 30) return
      clearInterval(timer)
      await access.close()
      process.exitCode = 7
    }, 2)`
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'pipe']
    }
  )
  child.stdout.destroy()
  child.stderr.destroy()
  t.equal(await new Promise((resolve) => child.on('exit', resolve)), 7)
})

t.test('`none` takes everything and keeps nothing', async (t) => {
  const log = openAccessLog({ kind: 'none' })
  log.write(Buffer.from('x\n'), 1)
  log.reopen()
  await log.flush()
  await log.close()
  t.equal(log.dropped, 0)
})
