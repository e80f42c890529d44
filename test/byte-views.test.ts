import t from 'tap'
import { ByteViews } from '../src/byte-views.ts'

t.test('the first n bytes, of the memory itself', (t) => {
  const bytes = Buffer.from('gatehouse')
  const views = new ByteViews(bytes, 5)
  for (const n of [0, 4, 5, 9]) t.equal(views.of(n).toString(), 'gatehouse'.slice(0, n))
  bytes[0] = 0x47
  t.equal(views.of(4).toString(), 'Gate', 'what is written later is seen')
  t.end()
})

t.test('short ones are made once', (t) => {
  const views = new ByteViews(Buffer.alloc(8), 5)
  t.equal(views.of(4), views.of(4))
  t.not(views.of(5), views.of(5))
  t.end()
})
