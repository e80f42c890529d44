/**
 * Each `test/golden/config/*.yaml` is read, and what is found is compared with the `.findings` beside it.
 * `GOLDEN=write` writes them anew: read the difference before it is committed.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { loadConfig, printFindings } from '../../../src/control/config/load.ts'

const FOLDER = join(import.meta.dirname, '../../golden/config')
const ENV = {
  ACME_SECRET: 'f0b1c2d3-e4f5-4a6b-8c7d-9e0f1a2b3c4d',
  HUNTER2: 'hunter2',
  LONG: 'hunter2 is not long enough for 512 bits',
  TRUE: 'true',
  VERSION: '1',
  EMPTY: ''
}

for (const name of readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))) {
  t.test(name, async (t) => {
    const expected = join(FOLDER, name.replace('.yaml', '.findings'))
    const { loaded, findings } = loadConfig(join(FOLDER, name), { env: ENV, name })
    const here = `${relative(process.cwd(), FOLDER)}/`
    const text = printFindings(findings, { color: false }).replaceAll(here, '')
    if (process.env['GOLDEN'] === 'write') writeFileSync(expected, text)
    t.equal(text, existsSync(expected) ? readFileSync(expected, 'utf8') : `missing: ${expected}`)
    t.equal(
      loaded === null,
      findings.some((finding) => finding.severity === 'error'),
      'loaded only without errors'
    )
    t.notOk(text.includes('hunter2'), 'no secret is shown')
  })
}
