/** deploy/gatehouse.service as systemd reads it. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const ANALYZE = 'systemd-analyze'
const missing = spawnSync(ANALYZE, ['--version']).status === 0 ? false : 'systemd is not installed'

t.test(
  'every key is known, but for two of newer versions, and every program is there',
  { skip: missing },
  async (t) => {
    const file = join(t.testdir({}), 'gatehouse.service')
    const unit = readFileSync(join(ROOT, 'deploy/gatehouse.service'), 'utf8')
    writeFileSync(file, unit.replaceAll('/opt/gatehouse/bin/', join(ROOT, 'bin/')))
    const { status, stderr } = spawnSync(ANALYZE, ['verify', '--man=no', file], { encoding: 'utf8' })
    t.equal(status, 0)
    const complaints = stderr
      .split('\n')
      .filter((line) => line !== '' && !/Unknown key '?Restart(Steps|MaxDelaySec)/.test(line))
    t.same(complaints, [])
  }
)
