import t from 'tap'
import { UndiciTransport } from '../../src/upstream/undici.ts'
import { contract } from './contract/index.ts'
import { plan } from './recorder.ts'

contract(t, {
  make: (plan) => new UndiciTransport(plan),
  quirks: {
    refusesContinue: true,
    takes: [
      // llhttp reads HTTP/2.0 as if it were 1.1, and its handler never learns the version.
      'another version',
      // It is passed over as it comes, without being kept: no memory, and the idle deadline bounds its time.
      'an extension past all bounds'
    ]
  }
})

t.test('an upstream without a target is an error of the plan', async (t) => {
  t.throws(() => new UndiciTransport(plan([])), { message: /service:test \(test\.yaml:1:1\) has no target/ })
})
