import t from 'tap'
import { WireTransport } from '../../../src/upstream/wire/transport.ts'
import { contract } from '../contract/index.ts'
import { plan } from '../recorder.ts'

contract(t, { make: (plan) => new WireTransport(plan), quirks: {} })

t.test('an upstream without a target is an error of the plan', async (t) => {
  t.throws(() => new WireTransport(plan([])), { message: /service:test \(test\.yaml:1:1\) has no target/ })
})
