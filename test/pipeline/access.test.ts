import t from 'tap'
import { emptyRecord } from '../../src/observe/record.ts'
import { accessRecord } from '../../src/pipeline/access.ts'
import { sha256 } from '../e2e/tokens.ts'
import { pipeline } from './kit.ts'

const stages = await pipeline(
  t,
  `version: 1
listen: [ { name: plain, address: "127.0.0.1:0" } ]
log: { redact: [user-agent] }
consumers: [ { name: acme, keys: [ { id: k1, hash: "sha256:${sha256('acme-key')}" } ] } ]
services:
  - name: s
    url: http://127.0.0.1:9
    policies: { auth: public }
    routes:
      - { name: open, match: { paths: ["/open"] } }
      - { name: keyed, match: { paths: ["/keyed"] }, policies: { auth: { key: { query: [MyKey, "odd name"] } }, authorize: { name: never, when: "false" } } }
`
)

async function recordOf(target: string, headers: Record<string, string> = {}): Promise<ReturnType<typeof emptyRecord>> {
  const { x, outcome } = await stages.decide({ target, headers })
  if ('problem' in outcome) x.refusal = outcome
  const record = emptyRecord()
  // What the record of the request before left must not show.
  Object.assign(record, {
    route: 'left',
    consumer: 'left',
    problem: 'left',
    reason: 'left',
    shadow: 'left',
    traceId: 'left',
    userAgent: 'left'
  })
  accessRecord(x, record)
  return record
}

t.test('who, where, why', async (t) => {
  t.match(await recordOf('/keyed?MyKey=acme-key&a=1', { 'user-agent': 'x' }), {
    route: 's.keyed',
    service: 's',
    path: '/keyed',
    query: 'MyKey=***&a=1',
    authMethod: 'key',
    consumer: 'acme',
    credential: 'k1',
    problem: 'not-allowed',
    policy: 'authorize',
    rule: 'never',
    where: /:\d+:\d+$/,
    shadow: '',
    userAgent: '***',
    traceId: /^[0-9a-f]{32}$/
  })
})

t.test('what did not come to be is empty, whatever the request before was', async (t) => {
  t.match(await recordOf('/%2f'), {
    route: '',
    service: '',
    path: '/%2f',
    consumer: '',
    authMethod: '',
    traceId: '',
    problem: 'bad-path',
    shadow: ''
  })
  t.match(await recordOf('/open'), { route: 's.open', problem: '', reason: '', consumer: '', authMethod: 'public' })
})

t.test('values of credential parameters: of any route, of custom, in any spelling of the name', async (t) => {
  const hidden = [
    'MyKey=s',
    'mykey=s',
    'My%4Bey=s',
    'odd+name=s',
    'odd%20name=s',
    'access_token=s',
    'ACCESS_TOKEN=s',
    'api%5Fkey=s',
    'password=s',
    'code=s=s'
  ]
  for (const target of ['/open', '/keyed', '/nowhere', '/%2f']) {
    for (const pair of hidden) {
      const { query } = await recordOf(`${target}?a=1&${pair}&b=2`)
      t.equal(query, `a=1&${pair.slice(0, pair.indexOf('='))}=***&b=2`, `${target} ${pair}`)
    }
  }
  for (const query of ['', 'a', 'a=1', 'tokens=x', '%zz=1', '=1', '&&', 'a=token=b']) {
    t.equal((await recordOf(`/open?${query}`)).query, query, 'others stay byte for byte')
  }
})
