import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import t from 'tap'
import { bytesOf, fromBytes, pack, unpack, unpackPart } from '../../src/plan/packed.ts'

const items = (count: number): { n: number; key: Uint8Array; limit: number }[] =>
  Array.from({ length: count }, (_, n) => ({ n, key: new Uint8Array([n, 1]), limit: Infinity }))

t.test('a list comes out as it went in, in parts of at most so many', async (t) => {
  for (const [count, sizes] of [
    [0, []],
    [2, [2]],
    [3, [3]],
    [4, [3, 1]]
  ] as const) {
    const packed = pack(items(count), 3)
    t.equal(packed.length, count)
    t.same(
      packed.parts.map((part) => unpackPart(part).length),
      sizes
    )
    t.same(unpack(packed), items(count))
  }
})

t.test('another thread reads the same memory', async (t) => {
  const packed = pack([{ name: 'acme' }], 10)
  const thread = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { deserialize } = require('node:v8')
     parentPort.postMessage({ part: workerData.parts[0], items: deserialize(new Uint8Array(workerData.parts[0])) })`,
    { eval: true, workerData: packed }
  )
  const [{ part, items }] = (await once(thread, 'message')) as [{ part: SharedArrayBuffer; items: unknown }]
  t.same(items, [{ name: 'acme' }])
  new Uint8Array(part).fill(0)
  t.throws(() => unpack(packed), 'no copy was made')
})

t.test('bytes for a file, and back', async (t) => {
  const packed = pack(items(4), 3)
  const bytes = bytesOf(packed)
  for (const part of bytes.parts) t.ok(part.buffer instanceof ArrayBuffer)
  t.same(unpack(fromBytes(bytes)), items(4))
})
