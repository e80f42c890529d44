import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from '../client.ts'
import { gatehouse } from '../command.ts'
import { startGateway } from '../gateway.ts'
import { eventually, pause } from '../visitors.ts'
import { configuration } from './configuration.ts'

void t.test('the ways to a new configuration', async (t) => {
  const service = (body: string): string =>
    `name: parts
url: http://127.0.0.1:9
routes:
  - { name: page, match: { paths: ["/part"] }, respond: { status: 200, body: "${body}" }, policies: { auth: public } }
`
  const whole = (body: string): string => configuration({ body, routes: '  - { file: "services/*.yaml" }\n' })
  const gateway = await startGateway(t, whole('one'), { files: { 'services/part.yaml': service('part one') } })
  const answers = (path: string, body: string): Promise<boolean> =>
    eventually(async () => (await ask(gateway.port, path)).body === body, `${path} answers ${body}`)

  await t.test('a changed file is read by itself', async (t) => {
    gateway.writeConfig(whole('two'))
    t.ok(await answers('/', 'two'))
  })

  await t.test('so is an included one', async (t) => {
    writeFileSync(join(gateway.dir, 'services/part.yaml'), service('part two'))
    t.ok(await answers('/part', 'part two'))
  })

  await t.test('so is a new one that a pattern takes in', async (t) => {
    writeFileSync(
      join(gateway.dir, 'services/more.yaml'),
      service('more').replace('name: parts', 'name: more').replace('"/part"', '"/more"')
    )
    t.ok(await answers('/more', 'more'))
  })

  await t.test('so is one that was moved into place', async (t) => {
    writeFileSync(`${gateway.config}.new`, whole('moved'))
    renameSync(`${gateway.config}.new`, gateway.config)
    t.ok(await answers('/', 'moved'))
  })

  await t.test('a file that is still being written is not read before it rests', async (t) => {
    let longest = 0
    // Whoever is put aside for as long as a file has to rest has not been writing all the time.
    for (let round = 0; round === 0 || longest > 200; round++) {
      const from = gateway.stderr.length
      const text = whole(`settled ${round}`)
      const piece = Math.ceil(text.length / 24)
      writeFileSync(gateway.config, '')
      let written = performance.now()
      longest = 0
      for (let at = 0; at < text.length; at += piece) {
        await pause(50)
        appendFileSync(gateway.config, text.slice(at, at + piece))
        longest = Math.max(longest, performance.now() - written)
        written = performance.now()
      }
      t.ok(await answers('/', `settled ${round}`))
      if (longest <= 200) t.notMatch(gateway.stderr.slice(from), /refused/, 'no half of it was taken for the whole')
    }
  })

  await t.test('`gatehouse reload` waits for the verdict', async (t) => {
    gateway.writeConfig(whole('asked for'))
    const { code, stdout } = await gatehouse('reload', gateway.config)
    t.equal(code, 0)
    t.match(stdout, /generation \d+ serves/)
    t.equal((await ask(gateway.port, '/')).body, 'asked for', 'when it returns, the new one holds')
  })

  await t.test('nothing changed: nothing happens, and it says so', async (t) => {
    const { code, stdout } = await gatehouse('reload', gateway.config)
    t.equal(code, 0)
    t.match(stdout, /nothing changed/)
    const from = gateway.stderr.length
    gateway.child.kill('SIGHUP')
    await gateway.said(/reload by SIGHUP: unchanged/, from)
  })

  await t.test('ports and state need a restart, and are refused by name', async (t) => {
    const from = gateway.stderr.length
    gateway.writeConfig(whole('x').replace('127.0.0.1:0', '127.0.0.1:1'))
    const listen = await gatehouse('reload', gateway.config)
    t.equal(listen.code, 1)
    t.match(listen.stderr, /refused: listen .*restart/)
    gateway.writeConfig(whole('x').replace('services:', 'state: { dir: elsewhere }\nservices:'))
    const state = await gatehouse('reload', '--socket', join(gateway.dir, 'var/control.sock'))
    t.equal(state.code, 1)
    t.match(state.stderr, /refused: state\.dir .*restart/)
    await gateway.said(/reload by [^"]*refused/, from)
    t.equal((await ask(gateway.port, '/')).body, 'asked for', 'what served before goes on')
  })
})
