import t from 'tap'
import { Admission, CALLER, NEWCOMER, STRANGER, type Load, type Worth } from '../../src/limits/admission.ts'

const TARGET = 100
const SEED = [1, 2, 3, 4] as const
const REST: Load = { lag: 0, waiting: 0, memory: 0.1, heap: 0.1 }

/** Judges `n` times; returns the level after each. */
function judge(admission: Admission, load: Partial<Load>, n = 1): number[] {
  return Array.from({ length: n }, () => {
    admission.judge({ ...REST, ...load })
    return admission.level
  })
}

const away = (admission: Admission, worth: Worth, n = 100, client = 'one'): number =>
  Array.from({ length: n }, () => admission.turnsAway(worth, client, 1)).filter(Boolean).length

t.test('at rest nobody is turned away, and up to the target neither', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { lag: TARGET, waiting: 0.5, memory: 1, heap: 1 }, 100)
  t.equal(admission.level, 0)
  t.equal(admission.cause, '')
  for (const worth of [STRANGER, NEWCOMER, CALLER] as const) t.equal(away(admission, worth), 0)
})

t.test('strangers go first, then newcomers, callers last and never all', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { lag: TARGET + 1 }, 5)
  t.equal(admission.level, 1)
  t.match(admission.cause, /the event loop is 101 ms late/)
  t.equal(away(admission, STRANGER), 50)
  t.equal(away(admission, NEWCOMER), 0)
  judge(admission, { lag: TARGET + 1 }, 10)
  t.equal(admission.level, 2)
  t.equal(away(admission, STRANGER), 100)
  t.ok(Math.abs(away(admission, NEWCOMER) - 50) <= 2)
  t.equal(away(admission, CALLER), 0)
  judge(admission, { lag: 50 * TARGET }, 100)
  t.equal(admission.level, 3)
  t.equal(away(admission, NEWCOMER), 100)
  t.ok(Math.abs(away(admission, CALLER) - 90) <= 1)
})

t.test('a share is kept to evenly', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { lag: 2.5 * TARGET })
  const decisions = Array.from({ length: 40 }, () => admission.turnsAway(STRANGER, 'one', 1))
  for (let i = 0; i + 4 <= 40; i++) {
    const among = decisions.slice(i, i + 4).filter(Boolean).length
    t.ok(among <= 2, `of four in a row, ${among}`)
  }
  t.equal(decisions.filter(Boolean).length, 10)
})

t.test('the more, the faster; and between one half and all of the target nothing changes', async (t) => {
  const mild = new Admission(TARGET, SEED)
  const hard = new Admission(TARGET, SEED)
  judge(mild, { lag: 1.5 * TARGET }, 2)
  judge(hard, { lag: 10 * TARGET }, 2)
  t.ok(hard.share(STRANGER) > 2 * mild.share(STRANGER))
  const before = mild.share(STRANGER)
  judge(mild, { lag: 0.5 * TARGET }, 50)
  judge(mild, { lag: TARGET }, 50)
  t.equal(mild.share(STRANGER), before)
})

t.test('it ends within ten seconds of quiet, from wherever', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { lag: 50 * TARGET }, 100)
  const levels = judge(admission, {}, 20)
  t.equal(levels.at(-1), 0)
  t.strictSame(
    levels,
    levels.toSorted((a, b) => b - a),
    'and never goes up meanwhile'
  )
  t.equal(admission.cause, '')
})

t.test('a full queue weighs on newcomers alone', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { waiting: 1 }, 20)
  t.equal(admission.level, 2)
  t.equal(away(admission, STRANGER), 0)
  t.ok(Math.abs(away(admission, NEWCOMER) - 90) <= 1, 'a tenth has its turn')
  t.equal(away(admission, CALLER), 0)
  t.match(admission.cause, /^the queue for verification is 100 % full$/)
  t.equal(judge(admission, {}, 20).at(-1), 0)
})

t.test('memory that stays taken never weighs on known callers', async (t) => {
  for (const load of [{ memory: 1.2 }, { heap: 1.2 }]) {
    const admission = new Admission(TARGET, SEED)
    judge(admission, load, 1000)
    t.equal(admission.level, 2)
    t.equal(away(admission, STRANGER), 100)
    t.equal(away(admission, NEWCOMER), 100)
    t.equal(away(admission, CALLER), 0)
    t.match(admission.cause, /120 % of the memory/)
    judge(admission, { memory: 0.97, heap: 0.97 }, 100)
    t.equal(admission.level, 2, 'until there is room again')
    t.equal(judge(admission, { memory: 0.9, heap: 0.85 }, 20).at(-1), 0)
  }
})

/**
 * A worker that serves `capacity` in an interval and whose queue is what came beyond: lateness is the time it takes to
 * work it off, and clients give up what is older than two seconds.
 */
function run(offered: readonly [strangers: number, newcomers: number, callers: number], seconds: number) {
  const admission = new Admission(TARGET, SEED)
  const capacity = 1000
  let queue = 0
  const served: number[] = []
  const levels: number[] = []
  for (let i = 0; i < seconds * 2; i++) {
    const taken = offered.map((n, worth) => n * (1 - admission.share(worth as Worth)))
    const work = queue + taken.reduce((a, b) => a + b)
    served.push(Math.min(capacity, work))
    queue = Math.min(4 * capacity, Math.max(0, work - capacity))
    judge(admission, { lag: (queue / capacity) * 500 })
    levels.push(admission.level)
  }
  const settled = served.slice(served.length / 2)
  const late = levels.slice(levels.length / 2)
  return {
    admission,
    used: settled.reduce((a, b) => a + b) / settled.length / capacity,
    changes: late.filter((level, i) => i > 0 && level !== late[i - 1]).length
  }
}

t.test('under a steady overload most of what can be done is done, without swinging', async (t) => {
  for (const offered of [
    [2000, 100, 400],
    [500, 2000, 400],
    [200, 200, 3000]
  ] as const) {
    const { used, changes } = run(offered, 120)
    t.ok(used > 0.85, `${offered.join(' ')}: ${(used * 100).toFixed(0)} % used`)
    t.ok(changes <= 12, `${offered.join(' ')}: the level changed ${changes} times in a minute`)
  }
})

t.test('callers lose nothing while the flood is of strangers', async (t) => {
  const { admission } = run([5000, 0, 500], 60)
  t.equal(admission.share(CALLER), 0)
  t.ok(admission.share(STRANGER) > 0.8)
})

t.test('of one worth, who wants little loses nothing to who wants much', async (t) => {
  for (const worth of [STRANGER, NEWCOMER, CALLER] as const) {
    const admission = new Admission(TARGET, SEED)
    while (admission.share(worth) < 0.5) judge(admission, { lag: TARGET + 1 })
    for (let interval = 0; interval < 3; interval++) {
      const lost = { little: 0, much: 0 }
      for (let i = 0; i < 1000; i++) {
        if (i % 100 === 0) lost.little += away(admission, worth, 1, 'little')
        lost.much += away(admission, worth, 1, 'much')
      }
      // Of the first nothing is known of who wants what.
      if (interval > 0) {
        t.equal(lost.little, 0)
        t.ok(Math.abs(lost.much - 505 - 1010 * (admission.share(worth) - 0.5)) < 15, `${lost.much} of 1000`)
      }
      judge(admission, { lag: 0.7 * TARGET })
    }
  }
})

t.test('who wants how much is counted before anybody is turned away', async (t) => {
  const admission = new Admission(TARGET, SEED)
  t.notOk(admission.watches)
  admission.late(0.5 * TARGET)
  t.notOk(admission.watches, 'not up to one half of the target')
  admission.late(0.5 * TARGET + 1)
  t.ok(admission.watches)
  t.equal(away(admission, STRANGER, 1000, 'much'), 0)
  t.equal(away(admission, STRANGER, 10, 'little'), 0)
  judge(admission, { lag: 5 * TARGET })
  t.equal(admission.level, 1)
  t.equal(away(admission, STRANGER, 10, 'little'), 0)
  t.ok(away(admission, STRANGER, 1000, 'much') > 400)
})

t.test('while nothing weighs nobody is counted', async (t) => {
  const admission = new Admission(TARGET, SEED)
  admission.late(TARGET)
  judge(admission, {})
  t.notOk(admission.watches)
  for (const load of [{ lag: 0.6 * TARGET }, { waiting: 0.3 }, { memory: 0.96 }, { heap: 0.93 }]) {
    judge(admission, load)
    t.ok(admission.watches, JSON.stringify(load))
    t.equal(admission.level, 0)
    judge(admission, {})
    t.notOk(admission.watches)
  }
})

t.test('what was wanted when it weighed last is forgotten', async (t) => {
  const admission = new Admission(TARGET, SEED)
  admission.late(TARGET)
  away(admission, STRANGER, 1000, 'then')
  judge(admission, {})
  admission.late(TARGET)
  away(admission, STRANGER, 10, 'then')
  away(admission, STRANGER, 1000, 'now')
  judge(admission, { lag: 2 * TARGET })
  t.equal(away(admission, STRANGER, 10, 'then'), 0)
})

t.test('what is under way counts as what comes', async (t) => {
  const admission = new Admission(TARGET, SEED)
  for (const lag of [5, 0.7, 0.7]) {
    judge(admission, { lag: lag * TARGET })
    for (let i = 0; i < 300; i++) admission.holds(STRANGER, 'slow', 1)
    const little = away(admission, STRANGER, 20, 'little')
    const slow = away(admission, STRANGER, 20, 'slow')
    // Of the first nothing is known.
    if (lag < 1) t.equal(little, 0)
    t.ok(slow > 8, 'although it asks for no more than the other')
  }
})

t.test('a whole worth goes before the next, whoever wants how much of it', async (t) => {
  const admission = new Admission(TARGET, SEED)
  judge(admission, { lag: 5 * TARGET }, 3)
  for (let i = 0; i < 3; i++) {
    away(admission, STRANGER, 1, 'little')
    away(admission, NEWCOMER, 1000, 'much')
    away(admission, CALLER, 1000, 'much')
    judge(admission, { lag: 0.7 * TARGET })
  }
  t.equal(admission.level, 2)
  t.equal(away(admission, STRANGER, 1, 'little'), 1)
  t.ok(away(admission, NEWCOMER, 1000, 'much') < 1000)
  t.equal(away(admission, CALLER, 1000, 'much'), 0)
})
