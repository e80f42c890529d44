/** The evidence of a ban is put together from what all workers saw, and nobody waits long for one that is blocked. */
import t from 'tap'
import type { BanReport, Bucket, Evidence } from '../../../src/ban.ts'
import { Witnesses } from '../../../src/control/bans/witnesses.ts'
import { eventually } from '../../e2e/visitors.ts'

const BUCKET: Bucket = { lo: 1, hi: 2 }
const AT = 1_000_000

const seen = (...times: number[]): Evidence[] =>
  times.map((time) => ({ time: AT + time, method: 'GET', path: `/${time}`, status: 404, id: String(time) }))
const banOf = (evidence: Evidence[]): BanReport => ({
  kind: 'address',
  key: '192.0.2.1',
  who: '192.0.2.1',
  scenario: 'scanner',
  where: '',
  reason: '',
  at: AT,
  until: AT + 1,
  offences: 0,
  remembered: AT + 2,
  mode: 'enforce',
  limited: false,
  evidence
})
const paths = (ban: BanReport | undefined): string[] => (ban?.evidence ?? []).map(({ path }) => path)

/** A list of bans that remembers what it was told. */
class Book {
  readonly kept: BanReport[] = []
  readonly told: BanReport[] = []

  made(ban: BanReport): void {
    this.kept.push(ban)
  }

  explain(ban: BanReport, evidence: Evidence[]): BanReport {
    const explained = { ...ban, evidence }
    this.kept.push(explained)
    return explained
  }

  tell(ban: BanReport): void {
    this.told.push(ban)
  }
}

/** What a worker will say, once `say` is called. */
class Witness {
  readonly testimony: Promise<Evidence[]>
  say: (evidence: Evidence[]) => void = () => {}

  constructor() {
    this.testimony = new Promise((resolve) => (this.say = resolve))
  }
}

t.test('kept at once, told when all have answered, in the order of time', async (t) => {
  const book = new Book()
  const others = [new Witness(), new Witness()]
  const asked: [Bucket, number][] = []
  const witnesses = new Witnesses({
    book,
    patience: 1 << 30,
    testimonies: (bucket, except) => {
      asked.push([bucket, except])
      return others.map(({ testimony }) => testimony)
    }
  })
  const done = witnesses.banned(banOf(seen(2, 5)), BUCKET, 1)
  t.same(asked, [[BUCKET, 1]])
  t.same(paths(book.kept[0]), ['/2', '/5'], 'with what the worker saw that decided')
  others[1]?.say(seen(1, 4))
  await eventually(() => book.kept.length === 2, 'the one answer is in')
  t.same(paths(book.kept[1]), ['/1', '/2', '/4', '/5'])
  t.same(book.told, [])
  others[0]?.say(seen(3))
  await done
  t.same(book.told.map(paths), [['/1', '/2', '/3', '/4', '/5']])
  t.same(book.kept.at(-1), book.told[0])
})

t.test('the last eight, and among them always the one that was too many', async (t) => {
  const book = new Book()
  const witnesses = new Witnesses({ book, testimonies: () => [Promise.resolve(seen(3, 4, 5, 6, 7, 8, 10, 11))] })
  await witnesses.banned(banOf(seen(1, 2, 9)), BUCKET, 0)
  t.same(book.told.map(paths), [['/4', '/5', '/6', '/7', '/8', '/9', '/10', '/11']])
  await witnesses.banned(banOf(seen(1, 2)), BUCKET, 0)
  t.same(paths(book.told[1]), ['/2', '/4', '/5', '/6', '/7', '/8', '/10', '/11'])
})

t.test('a worker that is blocked holds up nobody, and is heard when it answers', async (t) => {
  const book = new Book()
  const blocked = new Witness()
  const witnesses = new Witnesses({
    book,
    patience: 1,
    testimonies: () => [Promise.resolve(seen(1)), blocked.testimony]
  })
  await witnesses.banned(banOf(seen(3)), BUCKET, 0)
  t.same(book.told.map(paths), [['/1', '/3']])
  blocked.say(seen(2))
  await eventually(() => paths(book.kept.at(-1)).length === 3, 'it is heard')
  t.same(paths(book.kept.at(-1)), ['/1', '/2', '/3'])
  t.equal(book.told.length, 1)
})

t.test('nobody is asked where one request was enough', async (t) => {
  const book = new Book()
  const witnesses = new Witnesses({ book, testimonies: () => t.fail('asked') as never })
  await witnesses.banned(banOf(seen(1)), null, 0)
  t.same(book.told.map(paths), [['/1']])
})

t.test('no more than so many are being explained at a time', async (t) => {
  const book = new Book()
  const blocked = new Witness()
  let asked = 0
  const witnesses = new Witnesses({
    book,
    patience: 1,
    most: 2,
    testimonies: () => {
      asked++
      return [blocked.testimony]
    }
  })
  for (let i = 0; i < 3; i++) await witnesses.banned(banOf(seen(1)), BUCKET, 0)
  t.equal(asked, 2)
  t.equal(book.told.length, 3, 'all are told')
  blocked.say([])
  await eventually(async () => {
    await witnesses.banned(banOf(seen(1)), BUCKET, 0)
    return asked > 2
  }, 'there is room again')
})
