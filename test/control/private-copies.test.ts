import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { removeUnusedCopies } from '../../src/control/private-copies.ts'
import type { Plan } from '../../src/plan/plan.ts'

const using = (names: string[], authorities: string[] = []): Plan =>
  ({
    listeners: [
      { clientCertificates: null },
      ...authorities.map((name) => ({ clientCertificates: { caFile: `/any/${name}.crt` } }))
    ],
    certificates: names.map((name) => ({ certFile: `/any/${name}.crt`, keyFile: `/any/${name}.key` }))
  }) as unknown as Plan

void t.test('only the copies that are not used go, and nothing that is no copy', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-copies-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'tls'))
  const [used, old, authority] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)]
  const names = [
    `${authority}.crt`,
    `${used}.crt`,
    `${used}.key`,
    `${old}.crt`,
    `${old}.key`,
    'note.txt',
    `${old}.key.c0ffee`
  ]
  for (const name of names) writeFileSync(join(dir, 'tls', name), '')
  removeUnusedCopies(dir, using([used], [authority]))
  const left = [`${used}.crt`, `${used}.key`, `${old}.key.c0ffee`, `${authority}.crt`, 'note.txt']
  t.same(readdirSync(join(dir, 'tls')).toSorted(), left)
})

void t.test('without certificates there is no folder, and nothing to do', async (t) => {
  t.doesNotThrow(() => removeUnusedCopies('/nowhere', using([])))
})
