import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { configuration } from '../reload/configuration.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

t.test('what is not a known build of uWebSockets.js is not loaded, and nothing starts', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-native-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  cpSync(join(ROOT, 'dist'), join(dir, 'dist'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'))
  const modules = join(dir, 'node_modules')
  const fake = join(modules, 'uWebSockets.js')
  mkdirSync(fake, { recursive: true })
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== 'uWebSockets.js' && name !== '@uwsjs')
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  const trace = join(dir, 'loaded')
  const binary = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  writeFileSync(join(fake, 'package.json'), '{ "name": "uWebSockets.js", "main": "uws.js" }')
  writeFileSync(join(fake, 'uws.js'), `require('node:fs').writeFileSync(${JSON.stringify(trace)}, '')`)
  writeFileSync(join(fake, binary), 'another program')
  writeFileSync(join(dir, 'gatehouse.yaml'), configuration({ listen: '127.0.0.1:0', body: 'hello' }))

  const child = spawn(process.execPath, [join(dir, 'dist/main.js'), 'start', join(dir, 'gatehouse.yaml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  t.equal(code, 1)
  t.match(stderr, /is not a build of uWebSockets\.js that Gatehouse knows/)
  t.notMatch(stderr, /ready/)
  t.notOk(existsSync(trace), 'it was looked at before it was loaded')
})
