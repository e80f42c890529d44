import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { ReloadVerdict } from '../../src/control/admin/report.ts'
import { FILE_CHANGE, Reloads } from '../../src/control/reloads.ts'

type End = (verdict: ReloadVerdict | Error) => void

/** Reloads whose attempts end when the test says so. */
function reloads(): { reloads: Reloads; causes: string[]; attempts: End[]; files: { differ: boolean } } {
  const attempts: End[] = []
  const causes: string[] = []
  const files = { differ: false }
  const reloads = new Reloads({
    attempt: () =>
      new Promise((resolve, reject) => {
        attempts.push((end) => (end instanceof Error ? reject(end) : resolve(end)))
      }),
    refused: (reason) => ({ outcome: 'refused', generation: 1, reason, findings: [] }),
    differs: () => files.differ,
    decided: ({ outcome }, cause) => causes.push(`${cause}: ${outcome}`)
  })
  return { reloads, causes, attempts, files }
}

const applied = (generation: number): ReloadVerdict => ({ outcome: 'applied', generation, findings: [] })
const refused: ReloadVerdict = { outcome: 'refused', generation: 1, reason: 'bad', findings: [] }

t.test('asked for while one is under way: not once more when that one has read what the files say', async (t) => {
  const { reloads: r, causes, attempts } = reloads()
  const first = r.reload(FILE_CHANGE)
  const second = r.reload('its owner')
  t.equal(r.underWay, true)
  attempts[0]?.(applied(2))
  t.strictSame(await Promise.all([first, second]), [applied(2), applied(2)])
  await turn()
  t.equal(attempts.length, 1)
  t.equal(r.underWay, false)
  t.strictSame(causes, [`${FILE_CHANGE}: applied`])
})

t.test('once more, however many asked, when the files changed since; who asked has the second verdict', async (t) => {
  const { reloads: r, causes, attempts, files } = reloads()
  const first = r.reload('SIGHUP')
  const asked = [r.reload('its owner'), r.reload(FILE_CHANGE)]
  files.differ = true
  attempts[0]?.(applied(2))
  t.strictSame(await first, applied(2))
  await turn()
  t.equal(attempts.length, 2)
  files.differ = false
  attempts[1]?.(applied(3))
  t.strictSame(await Promise.all(asked), [applied(3), applied(3)])
  await turn()
  t.equal(attempts.length, 2)
  t.strictSame(causes, ['SIGHUP: applied', 'its owner: applied'], 'the owner goes before the file')
})

t.test('once more after a refusal, though the files say what they said', async (t) => {
  const { reloads: r, attempts } = reloads()
  const first = r.reload(FILE_CHANGE)
  const second = r.reload('its owner')
  attempts[0]?.(refused)
  t.strictSame(await first, refused)
  await turn()
  attempts[1]?.(applied(2))
  t.strictSame(await second, applied(2))
})

t.test('an attempt that throws is a refusal with its reason, and the next one has its turn', async (t) => {
  const { reloads: r, attempts } = reloads()
  t.equal(r.last, null)
  const first = r.reload('SIGHUP')
  attempts[0]?.(new Error('the thread ended'))
  t.match(await first, { outcome: 'refused', reason: 'the thread ended' })
  t.match(r.last, { outcome: 'refused', reason: 'the thread ended' })
  const second = r.reload('SIGHUP')
  attempts[1]?.(applied(2))
  t.strictSame(await second, applied(2))
  t.match(r.last, { outcome: 'applied', reason: '' })
})
