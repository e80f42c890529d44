import t from 'tap'
import { decodePercent } from '../src/percent.ts'

t.test('decodes as strict UTF-8', async (t) => {
  t.equal(decodePercent('plain+text'), 'plain+text')
  t.equal(decodePercent('a%20b'), 'a b')
  t.equal(decodePercent('%C3%A9'), 'é')
  t.equal(decodePercent('%F0%9F%98%80'), '😀')
  t.equal(decodePercent(''), '')
  for (const bad of ['%FF', '%C3', '%C0%AF', '%C0%80', '%ED%A0%80', '%E9', '%F8%88%80%80%80', '%', '%4', '%zz'])
    t.equal(decodePercent(bad), undefined, bad)
})
