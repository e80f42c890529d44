/** The access log as Debian's CrowdSec reads it with what deploy/crowdsec/ ships. That its scenarios decide on it is a proof. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { emptyRecord, type AccessRecord } from '../../../src/observe/record.ts'
import { accessLine } from '../../observe/ring.ts'
import { LocalApi, noCrowdsec } from '../crowdsec.ts'

const line = (more: Partial<AccessRecord>): string =>
  accessLine({
    ...emptyRecord(),
    time: Date.now(),
    method: 'GET',
    host: 'api.example.com',
    status: 404,
    decision: 'deny',
    policy: 'route',
    ...more
  })

t.test('the access log', { skip: noCrowdsec() ?? false }, async (t) => {
  const api = await LocalApi.start(t)

  await t.test('our line in its fields, whatever a client writes into it', async (t) => {
    const hostile = line({
      time: Date.UTC(2026, 10, 26, 12, 0, 0, 123),
      clientIp: '2001:db8::7',
      path: '/x","client":"198.51.100.1',
      query: 'a=1',
      status: 401,
      policy: 'auth',
      problem: 'bad-credential',
      userAgent: '"}\n{"client":"198.51.100.1"}'
    })
    const file = join(api.dir, 'hostile.log')
    writeFileSync(file, hostile)
    const said = await api.cscli('explain', '--file', file, '--type', 'gatehouse', '-v')
    for (const field of [
      'evt.Meta.source_ip : 2001:db8::7',
      'evt.Meta.http_status : 401',
      'evt.Meta.http_verb : GET',
      'evt.Meta.target_fqdn : api.example.com',
      'evt.Meta.log_type : http_access-log',
      'evt.Meta.service : http',
      'evt.Meta.sub_type : auth_fail',
      'evt.Parsed.http_args : a=1',
      'evt.MarshaledTime :  -> 2026-11-26T12:00:00.123Z'
    ])
      t.match(said, field)
    t.match(said, 'parser success')
    t.notMatch(said, /source_ip : 198/)
  })

  await t.test('who shows no credential, or comes while an issuer is away, has failed at nothing', async (t) => {
    for (const [status, problem] of [
      [401, 'no-credential'],
      [503, 'keys-unavailable']
    ] as const) {
      const file = join(api.dir, `${problem}.log`)
      writeFileSync(file, line({ clientIp: '203.0.113.7', path: '/a', status, policy: 'auth', problem }))
      const said = await api.cscli('explain', '--file', file, '--type', 'gatehouse', '-v')
      t.match(said, `evt.Meta.http_status : ${status}`)
      t.notMatch(said, 'auth_fail')
    }
  })
})
