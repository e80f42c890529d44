import t from 'tap'
import { ClientText, OutcomeText } from '../../src/observe/access-line.ts'
import type { ExchangeNumbers, Metrics } from '../../src/observe/metrics.ts'
import { emptyClient, emptyOutcome, type Outcome } from '../../src/observe/record.ts'
import { SeenClient, SeenOutcome } from '../../src/control/seen.ts'

/** Gives each outcome a counter of its own, and tells which it was asked for. */
function metrics(asked: string[]): Metrics {
  const numbersOf = ({ route }: Outcome): ExchangeNumbers => {
    asked.push(route)
    return { route } as unknown as ExchangeNumbers
  }
  return { numbersOf } as unknown as Metrics
}

t.test('an outcome is looked up when it is told, and labelled as its route is now', async (t) => {
  const asked: string[] = []
  let labels = '{"team":"before"}'
  const seen = new SeenOutcome(metrics(asked), (route) => (route === 'orders.read' ? labels : ''))
  seen.label()
  t.equal(seen.text.json.length, 0, 'nothing was told yet')
  const outcome = { ...emptyOutcome(), route: 'orders.read' }
  seen.keep(outcome)
  t.match(seen.text.json.toString(), /"labels":\{"team":"before"\}\}\n$/)
  labels = '{"team":"after"}'
  seen.label()
  t.match(seen.text.json.toString(), /"labels":\{"team":"after"\}\}\n$/)
  t.notMatch(seen.text.json.toString(), 'before')
  t.same(asked, ['orders.read'])
  seen.keep({ ...outcome, route: 'other' })
  t.same(asked, ['orders.read', 'other'])
  const text = new OutcomeText()
  text.write({ ...outcome, route: 'other' }, '')
  t.equal(seen.text.json.toString(), text.json.toString())
})

t.test('a client is a user of a key only while it is one', async (t) => {
  const seen = new SeenClient()
  t.equal(seen.caller, null)
  const client = { ...emptyClient(), clientIp: '::1', authMethod: 'key', credential: 'k1' }
  seen.keep(client)
  t.equal(seen.caller?.credential, 'k1')
  seen.keep({ ...client, authMethod: 'jwt' })
  t.equal(seen.caller, null)
  const text = new ClientText()
  text.write({ ...client, authMethod: 'jwt' })
  t.equal(seen.text.json.toString(), text.json.toString())
})
