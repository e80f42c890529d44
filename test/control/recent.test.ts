import t from 'tap'
import { labelsJson } from '../../src/observe/access-line.ts'
import { emptyRecord } from '../../src/observe/record.ts'
import { accessLines } from '../observe/ring.ts'
import { RecentRequests } from '../../src/control/recent.ts'

function line(id: string, more: { path?: string; labels?: Record<string, string> } = {}): Buffer {
  const record = { ...emptyRecord(), id, path: more.path ?? '/', status: 200 }
  return accessLines([record], labelsJson(more.labels ?? {}))
}

t.test('found by id, the last of two', async (t) => {
  const recent = new RecentRequests(64 << 10)
  t.equal(recent.oldest(), null)
  t.equal(recent.find('a'), null)
  recent.add(line('a', { path: '/first' }), 1)
  recent.add(line('b'), 1)
  recent.add(line('a', { path: '/second' }), 1)
  t.match(recent.find('a'), { id: 'a', path: '/second' })
  t.match(recent.find('b'), { id: 'b' })
  t.match(recent.oldest(), { path: '/first' })
  t.equal(recent.count, 3)
})

t.test('what a client sends makes no id', async (t) => {
  const recent = new RecentRequests(64 << 10)
  recent.add(line('real', { path: '/x","id":"forged' }), 1)
  recent.add(line('labelled', { labels: { id: 'forged' } }), 1)
  recent.add(line('é"\\\n'), 1)
  t.equal(recent.find('forged'), null)
  t.equal(recent.find('rea'), null)
  t.equal(recent.find(''), null)
  t.equal(recent.find('"'), null)
  t.match(recent.find('real'), { path: '/x","id":"forged' })
})

t.test('bounded in bytes: between half and all of them is remembered', async (t) => {
  const one = line('0000')
  const recent = new RecentRequests(one.length * 20)
  const id = (n: number): string => String(n).padStart(4, '0')
  for (let n = 0; n < 20; n++) recent.add(line(id(n)), 1)
  t.ok(recent.find(id(0)), 'N are there')
  recent.add(line(id(20)), 1)
  t.equal(recent.find(id(0)), null, 'N+1: half is forgotten')
  t.equal(recent.find(id(9)), null)
  t.ok(recent.find(id(10)))
  t.equal(recent.count, 11)
  for (let n = 21; n < 1000; n++) {
    recent.add(line(id(n)), 1)
    if (recent.count < 10 || recent.count > 20) t.fail(`${recent.count} after ${n}`)
  }
  t.ok(recent.find(id(990)))
})

t.test('many lines at once are remembered like one after the other', async (t) => {
  const one = line('0000')
  const ids = Array.from({ length: 25 }, (_, n) => String(n).padStart(4, '0'))
  const recent = new RecentRequests(one.length * 20)
  recent.add(Buffer.concat(ids.map((id) => line(id))), ids.length)
  t.equal(recent.count, 15)
  t.equal(recent.find('0009'), null)
  t.match(recent.oldest(), { id: '0010' })
  t.ok(recent.find('0024'))
  recent.add(Buffer.concat([line('a'), line('long', { path: 'x'.repeat(9000) }), line('b')]), 3)
  t.equal(recent.find('long'), null)
  t.ok(recent.find('a'))
  t.ok(recent.find('b'))
})

t.test('none when it is switched off, and a line that is too long is left out', async (t) => {
  const off = new RecentRequests(0)
  t.notOk(off.enabled)
  off.add(line('a'), 1)
  t.equal(off.find('a'), null)
  const small = new RecentRequests(1000)
  small.add(line('long', { path: 'x'.repeat(2000) }), 1)
  small.add(line('a'), 1)
  t.equal(small.find('long'), null)
  t.ok(small.find('a'))
})
