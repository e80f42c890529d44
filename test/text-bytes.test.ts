import t from 'tap'
import { type Allowed, FIELD_TEXT, TARGET_TEXT, TextBytes } from '../src/text-bytes.ts'

const SIZE = 64
/** Around the length from which texts are looked at four bytes at a time, and with every rest of such a division. */
const LENGTHS = [0, 1, 17, 18, 19, 20, 21, 22, 63]

/** What `put` is to do, one character at a time. */
function fits(text: string, { table }: Allowed): boolean {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)).every((c) => c <= 0xff && table[c] === 1)
}

t.test('puts what is allowed, at any offset and of any length', (t) => {
  const texts = new TextBytes(SIZE)
  for (const length of LENGTHS) {
    for (const at of [0, 1, 2, 3].filter((at) => at + length <= SIZE)) {
      texts.bytes.fill(0)
      const text = 'value of a field; q="1"'.repeat(3).slice(0, length)
      t.equal(texts.put(text, at, FIELD_TEXT), at + length)
      t.equal(texts.bytes.toString('latin1', at, at + length), text)
    }
  }
  t.end()
})

t.test('every character at every place of short and long texts is judged by the table alone', (t) => {
  const chars = [...Array(256).keys(), 0x100, 0x10a, 0x141, 0x2028, 0xd800, 0xffff]
  for (const [name, allowed] of Object.entries({ FIELD_TEXT, TARGET_TEXT })) {
    for (const length of [17, 18, 22, 23]) {
      const wrong: string[] = []
      for (let place = 0; place < length; place++) {
        for (const char of chars) {
          // Neighbours at both ends of what is allowed: a borrow or carry between bytes would show.
          for (const around of ['!', '~']) {
            const texts = new TextBytes(SIZE)
            const text = around.repeat(place) + String.fromCharCode(char) + around.repeat(length - place - 1)
            const end = texts.put(text, 1, allowed)
            const right = fits(text, allowed)
              ? end === 1 + length && texts.bytes.toString('latin1', 1, end) === text
              : end === -1
            if (!right) wrong.push(`${char.toString(16)} at ${place} among ${around}`)
          }
        }
      }
      t.same(wrong, [], `${name}, ${length} characters`)
    }
  }
  t.end()
})

t.test('a text that fills the memory to its end', (t) => {
  const texts = new TextBytes(20)
  for (const text of ['x'.repeat(20), `${'x'.repeat(19)}\u00e9`, `\u00e9${'x'.repeat(19)}`, '\u00e9'.repeat(20)]) {
    t.equal(texts.put(text, 0, FIELD_TEXT), 20)
    t.equal(texts.bytes.toString('latin1'), text)
  }
  t.equal(texts.put(`${'x'.repeat(19)}\u0141`, 0, FIELD_TEXT), -1)
  t.equal(texts.put(`\u0141${'x'.repeat(19)}`, 0, FIELD_TEXT), -1)
  t.end()
})

t.test('text of which no run of ASCII is allowed is judged character by character', (t) => {
  const letters: Allowed = { table: new Uint8Array(256).fill(1, 0x61, 0x7b), from: 0 }
  const texts = new TextBytes(SIZE)
  t.equal(texts.put('abcdefghijklmnopqrstuvwxyz', 0, letters), 26)
  t.equal(texts.put('abcdefghijklmnopq-stuvwxyz', 0, letters), -1)
  t.end()
})
