/**
 * test/golden/plan: each configuration against the plan it compiles to, with its widenings. After a change that means
 * to change plans, GOLDEN=write writes them anew, for `git diff` to show.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import t from 'tap'
import { compilePlan } from '../../../src/control/compile/index.ts'
import { loadConfig } from '../../../src/control/config/load.ts'

const FOLDER = fileURLToPath(new URL('../../golden/plan', import.meta.url))

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))
t.ok(files.length > 4, 'there are golden files')

for (const name of files) {
  t.test(name, async (t) => {
    const { loaded, findings } = loadConfig(join(FOLDER, name), { name })
    if (!loaded) return t.fail(JSON.stringify(findings))
    const compiled = compilePlan(loaded, { generation: 1, stateDir: '/state', writeFiles: false })
    t.strictSame(
      compiled.findings.filter(({ severity }) => severity === 'error'),
      []
    )
    const { digest: _, ...plan } = compiled.plan ?? { digest: '' }
    const widenings = compiled.widenings.map(({ where, path, message }) => `${where} ${path}: ${message}`)
    // What is built in is the same in every plan: shown where a file speaks of it.
    const shown = loaded?.config.threats === undefined ? { ...plan, threats: undefined } : plan
    const text = `${JSON.stringify({ ...shown, widenings }, bytesAsHex, 2)}\n`
    const golden = join(FOLDER, name.replace('.yaml', '.json'))
    if (process.env['GOLDEN'] === 'write') writeFileSync(golden, text)
    return t.strictSame(JSON.parse(text), JSON.parse(readFileSync(golden, 'utf8')))
  })
}

function bytesAsHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}
