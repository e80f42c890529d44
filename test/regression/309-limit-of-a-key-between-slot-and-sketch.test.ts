/**
 * With more keys than slots one got 3 admissions of a burst of 2, where a thread was put aside in the midst of a
 * decision. Here the system's schedule is played in one thread, the same every time: before any access to the shared
 * memory others may come between, with decisions of their own, and the clock may go on.
 */
import t from 'tap'
import { withScale } from '../../src/memory/debt-sketch.ts'
import { bytesOfLimitTable, LimitTable, newRate, newVerdict } from '../../src/memory/limit-table.ts'
import { interpose, interposed } from '../memory/fixtures/interposed.ts'
import { numbers } from '../memory/fixtures/numbers.ts'

const SLOTS = 64
const BURST = 3
const UNIT = 1_000_000_000n
const START = 1_000_000_000_000n
const KEYS = 72
const DEEPEST = 3
const rates = [1, 2].map((cost) => newRate(1, 1000, BURST, cost))

interface Admission {
  readonly from: bigint
  readonly to: bigint
  readonly units: number
}

t.teardown(interpose())

/** Threads over one table: each decision made between two accesses of another is a further thread's. */
class Stage {
  now = START
  depth = 0
  readonly admissions = Array.from({ length: KEYS }, (): Admission[] => [])
  readonly #threads
  readonly #verdict = newVerdict()

  constructor() {
    const buffer = new SharedArrayBuffer(bytesOfLimitTable(SLOTS))
    this.#threads = Array.from({ length: DEEPEST + 1 }, () => new LimitTable(buffer, SLOTS, () => this.now))
  }

  /** All keys are of one window, which is the whole table. */
  decide(key: number, cost = 1): void {
    const rate = rates[cost - 1]
    if (rate === undefined) return
    const from = this.now
    this.#threads[this.depth]?.take(key + 1, withScale(key * 7919, 1), rate, from, this.#verdict)
    if (this.#verdict.admitted) this.admissions[key]?.push({ from, to: this.now, units: cost })
  }

  /** A decision that is put aside before its accesses of these numbers. False: it was over before the last. */
  interrupted(accesses: readonly number[], key: number, cost: number, ...meanwhile: (() => void)[]): boolean {
    const outer = interposed.between
    let access = -1
    let met = 0
    interposed.between = () => {
      access++
      if (access !== accesses[met]) return
      const inner = interposed.between
      interposed.between = () => undefined
      this.depth++
      meanwhile[met++]?.()
      this.depth--
      interposed.between = inner
    }
    this.decide(key, cost)
    interposed.between = outer
    return met === accesses.length
  }

  /** Most units of a key above what the limit says of any stretch of time. */
  excess(): number {
    let most = 0
    for (const of of this.admissions) {
      for (const { from } of of) {
        for (const { to } of of) {
          if (to < from) continue
          const units = of.reduce((sum, each) => (each.from >= from && each.to <= to ? sum + each.units : sum), 0)
          most = Math.max(most, units - BURST - Number((to - from) / UNIT))
        }
      }
    }
    return most
  }
}

function play(seed: number, steps: readonly bigint[]): number {
  const random = numbers(seed)
  const stage = new Stage()
  for (let key = 0; key < KEYS; key++) stage.decide(key)
  const hot = Array.from({ length: 3 }, () => random(KEYS))
  const one = (): void => stage.decide(hot[random(3)] ?? 0, 1 + random(2))
  interposed.between = () => {
    if (stage.depth === DEEPEST || random(40) > 0) return
    stage.depth++
    stage.now += steps[random(steps.length)] ?? 0n
    for (let n = random(3); n >= 0; n--) one()
    stage.depth--
  }
  for (let n = 0; n < 4; n++) one()
  interposed.between = () => undefined
  for (const key of hot) for (let n = 0; n <= BURST; n++) stage.decide(key)
  return stage.excess()
}

function exceeded(steps: readonly bigint[]): number[] {
  return Array.from({ length: 200 }, (_, seed) => seed).filter((seed) => play(seed, steps) > 0)
}

t.test('any schedule while the clock stands', async (t) => t.same(exceeded([0n]), []))

t.test('any schedule while the clock goes on', async (t) =>
  t.same(exceeded([0n, 0n, 0n, 1n, UNIT, UNIT * 2n, UNIT * 3n + 1n]), [])
)

t.test('a slot that is charged while another thread looks whether its key has one', async (t) => {
  const above: string[] = []
  const own = SLOTS
  // After two looks at every slot, whether one is free and which owes least, and before the sketch is read.
  for (let first = SLOTS * 2; first < SLOTS * 2 + 4; first++) {
    for (let second = first + 1, more = true; more; second++) {
      const stage = new Stage()
      for (let key = 0; key < SLOTS; key++) stage.decide(key)
      more = stage.interrupted(
        [first, second],
        own,
        1,
        () => stage.decide(own, 2),
        () => stage.decide(own)
      )
      if (stage.excess() > 0) above.push(`${first}, ${second}`)
    }
  }
  t.same(above, [])
})

t.test('a displaced slot whose claim was killed does not come back with the word it had', async (t) => {
  const above: string[] = []
  const [own, displacer, next] = [0, SLOTS, SLOTS + 1]
  for (let first = 0; first < 2; first++) {
    for (let second = 0, more = true; more; second++) {
      const stage = new Stage()
      stage.decide(own)
      for (let key = 1; key < SLOTS; key++) stage.decide(key, 2)
      stage.interrupted([first], own, 1, () => {
        more = stage.interrupted([second], displacer, 2, () => {
          stage.decide(displacer)
          stage.decide(next)
        })
      })
      for (let n = 0; n < BURST; n++) stage.decide(own)
      if (stage.excess() > 0) above.push(`${first}, ${second}`)
    }
  }
  t.same(above, [])
})

t.test('a slot that was got, filled and lost to another key while a thread stood still', async (t) => {
  const above: number[] = []
  const own = SLOTS
  for (let access = 0, more = true; more; access++) {
    const stage = new Stage()
    for (let key = 0; key < SLOTS; key++) stage.decide(key)
    more = stage.interrupted([access], own, 1, () => {
      stage.decide(own, 2)
      stage.decide(own)
      stage.now += UNIT * 3n + 1n
      for (let key = 0; key < SLOTS; key++) stage.decide(key)
    })
    for (let n = 0; n < BURST; n++) stage.decide(own)
    if (stage.excess() > 0) above.push(access)
  }
  t.same(above, [])
})
