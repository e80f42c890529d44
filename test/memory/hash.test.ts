import t from 'tap'
import fc from 'fast-check'
import { KeyHash } from '../../src/memory/hash.ts'

/** HalfSipHash-c-d with 64 bits of output over 32-bit blocks, written from the paper, for comparison. */
function reference(c: number, d: number, k0: number, k1: number, blocks: number[]): [number, number] {
  const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n))
  const v = { a: k0, b: k1 ^ 0xee, c: 0x6c796765 ^ k0, d: 0x74656462 ^ k1 }
  const round = (): void => {
    v.a = (v.a + v.b) | 0
    v.b = rotl(v.b, 5) ^ v.a
    v.a = rotl(v.a, 16)
    v.c = (v.c + v.d) | 0
    v.d = rotl(v.d, 8) ^ v.c
    v.a = (v.a + v.d) | 0
    v.d = rotl(v.d, 7) ^ v.a
    v.c = (v.c + v.b) | 0
    v.b = rotl(v.b, 13) ^ v.c
    v.c = rotl(v.c, 16)
  }
  for (const block of blocks) {
    v.d ^= block
    for (let i = 0; i < c; i++) round()
    v.a ^= block
  }
  v.c ^= 0xee
  for (let i = 0; i < d; i++) round()
  const lo = v.b ^ v.d
  v.b ^= 0xdd
  for (let i = 0; i < d; i++) round()
  return [lo, v.b ^ v.d]
}

function blocksOf(text: string): number[] {
  const bytes = Buffer.from(text)
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  const blocks = Array.from({ length: padded.length / 4 }, (_, i) => padded.readInt32LE(i * 4))
  return [...blocks, text.length]
}

const SEED = [0x01020304, -5, 77, 1 << 31] as const

t.test("the reference gives the authors' first test vector", async (t) => {
  // vectors_hsip64 of github.com/veorq/SipHash: key 00..07, empty message, whose only block is its length.
  const out = Buffer.alloc(8)
  const [lo, hi] = reference(2, 4, 0x03020100, 0x07060504, [0])
  out.writeInt32LE(lo, 0)
  out.writeInt32LE(hi, 4)
  t.equal(out.toString('hex'), '218d1f59b9b83cc8')
})

t.test('is HalfSipHash-1-3 over seed, domain and text', async (t) => {
  const hash = new KeyHash(SEED)
  const [k0, k1, k2, k3] = SEED
  const [d0, d1] = reference(1, 3, k0, k1, [k2, k3, ...blocksOf('limit')])
  const domain = hash.domain('limit')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
      hash.of(text, domain)
      const expected = reference(1, 3, k0, k1, [k2, k3, d0, d1, ...blocksOf(text)])
      return hash.lo === expected[0] && hash.hi === expected[1]
    })
  )
  t.pass('100 texts')
})

t.test('ASCII of any length, about where short texts end, with one other character anywhere', async (t) => {
  const hash = new KeyHash(SEED)
  const [k0, k1, k2, k3] = SEED
  const [d0, d1] = reference(1, 3, k0, k1, [k2, k3, ...blocksOf('limit')])
  const domain = hash.domain('limit')
  const wrong: string[] = []
  for (let length = 0; length <= 40; length++) {
    const text = 'i203.0.113.7:\0\x7fabcdefghijklmnopqrstuvwxyz'.slice(0, length)
    for (let at = 0; at <= length; at++) {
      for (const other of ['', 'é', '中', '\x80']) {
        const whole = text.slice(0, at) + other + text.slice(at)
        hash.of(whole, domain)
        const [lo, hi] = reference(1, 3, k0, k1, [k2, k3, d0, d1, ...blocksOf(whole)])
        if (hash.lo !== lo || hash.hi !== hi) wrong.push(whole)
      }
    }
  }
  t.same(wrong, [])
})

t.test('texts that look alike are told apart', async (t) => {
  const hash = new KeyHash(SEED)
  const domain = hash.domain('limit')
  const long = 'x'.repeat(5000)
  const texts = [
    '',
    '\0',
    '\0\0',
    'a',
    'a\0',
    'aa',
    'b',
    'é',
    'Ã©',
    '𝒳',
    '中',
    `${long}a`,
    `${long}b`,
    `a${long}`,
    long
  ]
  const seen = texts.map((text) => {
    hash.of(text, domain)
    return `${hash.lo}:${hash.hi}`
  })
  t.equal(new Set(seen).size, texts.length)
})

t.test('domain and seed make other keys, and the same again from the same', async (t) => {
  const of = (seed: readonly [number, number, number, number], name: string): string => {
    const hash = new KeyHash(seed)
    hash.of('key', hash.domain(name))
    return `${hash.lo}:${hash.hi}`
  }
  const seen = [of(SEED, 'a'), of(SEED, 'b')]
  for (let i = 0; i < 4; i++) {
    const other: [number, number, number, number] = [...SEED]
    other[i] = (other[i] ?? 0) ^ 1
    seen.push(of(other, 'a'))
  }
  t.equal(new Set(seen).size, seen.length, 'every word of the seed counts')
  t.equal(of(SEED, 'a'), seen[0])
})

t.test('the lower bits spread evenly', async (t) => {
  const hash = new KeyHash(SEED)
  const domain = hash.domain('limit')
  const buckets = Array.from({ length: 256 }, () => 0)
  for (let i = 0; i < 25_600; i++) {
    hash.of(`203.0.113.${i}`, domain)
    const bucket = hash.lo & 255
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  // Poisson with mean 100: six standard deviations.
  t.ok(Math.min(...buckets) > 40 && Math.max(...buckets) < 160)
})
