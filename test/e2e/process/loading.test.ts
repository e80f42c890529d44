import { execFileSync } from 'node:child_process'
import t from 'tap'

/** What comes along with a module: packages, and Node's own modules by the names of their sources. */
function loadedWith(file: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({
      load(url, context, next) {
        const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]
        if (name !== undefined) packages.add(name)
        return next(url, context)
      }
    })
    await import(${JSON.stringify(new URL(`../../../src/${file}`, import.meta.url).href)})
    const own = process.moduleLoadList.map((entry) => entry.replace(/^NativeModule /, 'node:'))
    process.stdout.write(JSON.stringify([...packages, ...own]))
    process.exit()`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  return JSON.parse(out) as string[]
}

// Every start waits for what its threads load: these take from 20 to 50 ms of processor time, each thread anew.
t.test('threads load nothing large that a start has no use for', async (t) => {
  const worker = loadedWith('worker/traffic.ts')
  t.ok(worker.includes('uWebSockets.js'), 'packages are seen')
  t.ok(worker.includes('node:http'), 'and modules of Node.js')
  for (const name of ['node:internal/deps/undici/undici', 'undici', 'piscina', 'redis', 'jose'])
    t.notOk(worker.includes(name), `a worker: ${name}`)
  const control = loadedWith('control/control.ts')
  t.ok(control.includes('pino'))
  for (const name of ['node:internal/deps/undici/undici', 'undici', '@opentelemetry/api', 'jose', 'redis', 'yaml'])
    t.notOk(control.includes(name), `the control thread: ${name}`)
})
