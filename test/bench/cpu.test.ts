import { spawn } from 'node:child_process'
import t from 'tap'
import { memoryInUse, processorTime } from '../../bench/cpu.ts'

/** Burns `ms` of processor time in a process and in its child, says so, and waits. */
const BURN = `
const burn = (ms) => { const end = process.cpuUsage().user + ms * 1000; while (process.cpuUsage().user < end); }
burn(60)
if (!process.argv[1]) { require('node:child_process').spawn(process.execPath, ['-e', process.env.BURN, 'child'], { stdio: 'inherit' }) }
process.stdout.write('done\\n')
setTimeout(() => {}, 20_000)
`

t.test('processor time and memory are those of every process of the group', async (t) => {
  const child = spawn(process.execPath, ['-e', BURN], {
    detached: true,
    env: { ...process.env, BURN },
    stdio: ['ignore', 'pipe', 'ignore']
  })
  const group = child.pid ?? 0
  t.teardown(() => process.kill(-group, 'SIGKILL'))
  let said = ''
  await new Promise<void>((resolve) =>
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString()
      if (said === 'done\ndone\n') resolve()
    })
  )
  // Two processes, 60 ms each, to a tick of 10 ms each.
  t.ok(processorTime(group) >= 100_000, `${processorTime(group)} µs`)
  t.ok(memoryInUse(group) > 10 * 1024 * 1024)
})

t.test('a group that is not there has used nothing', async (t) => {
  t.equal(processorTime(0x7fff_ffff), 0)
  t.equal(memoryInUse(0x7fff_ffff), 0)
})
