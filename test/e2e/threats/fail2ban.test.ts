/** The access log as Debian's fail2ban reads it with the filter of deploy/fail2ban/: whom it would count, and whom not. */
import { execFile } from 'node:child_process'
import { accessSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { emptyRecord, type AccessRecord } from '../../../src/observe/record.ts'
import { accessLine } from '../../observe/ring.ts'

const run = promisify(execFile)
const PROGRAM = '/usr/bin/fail2ban-regex'
const FILTER = fileURLToPath(new URL('../../../deploy/fail2ban/filter.d/gatehouse.conf', import.meta.url))

const VICTIM = '198.51.100.1'
const BAD = { policy: 'auth', problem: 'bad-credential', status: 401 }
/** What an attacker would like to be read as: the end of a value, and members or a line of his own. */
const FORGED = [
  `","client":"${VICTIM}","decision":"deny","problem":"bad-credential","policy":"auth"`,
  `\\","client":"${VICTIM}","decision":"deny","problem":"bad-credential","policy":"auth"`,
  `"}\n{"time":"2026-11-26T12:00:00.123Z","id":"x","client":"${VICTIM}","decision":"deny","problem":"bad-credential","policy":"auth"`,
  `\u2028{"time":"2026-11-26T12:00:00.123Z","id":"x","client":"${VICTIM}","decision":"deny","problem":"bad-credential","policy":"auth"`,
  '\\'.repeat(255),
  '"'.repeat(255)
]

const line = (more: Partial<AccessRecord>): string =>
  accessLine({
    ...emptyRecord(),
    time: Date.now(),
    id: 'r1',
    method: 'GET',
    scheme: 'https',
    host: 'api.example.com',
    path: '/a',
    status: 403,
    decision: 'deny',
    ...more
  })

function missing(): string | false {
  try {
    accessSync(PROGRAM)
    return false
  } catch {
    return 'Debian’s fail2ban is not installed'
  }
}

/** Addresses that fail2ban counts in a log, one for each time. */
async function counted(dir: string, lines: string[]): Promise<string[]> {
  const file = join(dir, 'access.log')
  writeFileSync(file, lines.join(''))
  const { stdout } = await run(PROGRAM, ['-o', 'ip', file, FILTER])
  return stdout.split('\n').filter((text) => text !== '')
}

t.test('fail2ban', { skip: missing() }, async (t) => {
  const dir = t.testdir({})

  await t.test('counts refusals for what a client did, and nothing else', async (t) => {
    const refusals = [
      { policy: 'auth', problem: 'bad-credential', status: 401, route: 's.r', service: 's' },
      { policy: 'honeypot', problem: 'banned' },
      { policy: 'framing', problem: 'malformed', status: 400 },
      { policy: 'ban', problem: 'banned', rule: 'scanner' }
    ].map((more, i) => line({ clientIp: `203.0.113.${i}`, id: '', ...more }))
    const others = [
      line({ clientIp: '192.0.2.4', policy: 'auth', problem: 'no-credential', status: 401, route: 's.r' }),
      line({ clientIp: '192.0.2.5', policy: 'auth', problem: 'keys-unavailable', status: 503, route: 's.r' }),
      line({ clientIp: '192.0.2.6', policy: 'ban', problem: 'over-limit', status: 429, rule: 'scanner' }),
      // Of a caller, on one route: others may share the address.
      line({ clientIp: '192.0.2.7', policy: 'ban', problem: 'banned', route: 's.r', service: 's' }),
      ...['route', 'limits', 'authorize', 'ip', ''].map((policy) => line({ clientIp: '192.0.2.1', policy })),
      line({ clientIp: '192.0.2.2', policy: '', shadow: 'auth', status: 200, decision: 'forward' }),
      line({ clientIp: '192.0.2.3', policy: 'route', reason: '"problem":"bad-credential","policy":"auth"' })
    ]
    const v6 = line({ ...BAD, clientIp: '2001:db8::7', service: 's', route: 's.r', query: 'a=1' })
    t.same(await counted(dir, [...refusals, ...others, v6]), [
      '203.0.113.0',
      '203.0.113.1',
      '203.0.113.2',
      '203.0.113.3',
      '2001:db8::7'
    ])
  })

  await t.test('nothing that a client writes makes it another, or hides it', async (t) => {
    const places = ['id', 'method', 'host', 'path', 'query', 'userAgent', 'subject', 'consumer', 'reason'] as const
    const hostile = places.flatMap((place) => FORGED.map((text) => ({ [place]: text })))
    t.same(
      await counted(
        dir,
        hostile.map((one) => line({ ...BAD, clientIp: '203.0.113.9', ...one }))
      ),
      hostile.map(() => '203.0.113.9')
    )
    t.same(
      await counted(
        dir,
        hostile.map((one) => line({ clientIp: '203.0.113.9', policy: 'route', ...one }))
      ),
      []
    )
  })
})
