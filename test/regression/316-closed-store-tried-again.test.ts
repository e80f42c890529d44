/**
 * A store whose disk was too slow for its close went on trying to write once a second, for ever, through a thread that
 * had ended: the process did not end by itself.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'

const STORE = new URL('../../src/control/store/store.ts', import.meta.url).href

t.test('a store that gave up on its disk leaves nothing behind', async (t) => {
  const script = `
    import { Store } from '${STORE}'
    const store = await Store.open({ stateDir: import.meta.dirname, onNote: () => {}, closeLimit: 0 })
    for (let i = 0; i < 20_000; i++) store.write('revocations', String(i), 'INSERT INTO nowhere VALUES (?)', [i])
    await store.close()
    console.log('closed')`
  const dir = t.testdir({ 'closer.mjs': script })
  const child = spawn(process.execPath, [join(dir, 'closer.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  t.same(await once(child, 'close'), [0, null])
  t.equal(said, 'closed\n')
})
