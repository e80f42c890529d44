/**
 * What bans where nobody says otherwise. Only what no client in order does counts: many distinct paths that are not
 * there, many distinct bad credentials, many distinct objects that are not one's own, a file that has no business on
 * a server. Never a plain rate, never a 429, never the same thing again and again: that is what a client that is
 * merely broken does, for hours.
 *
 * The numbers stand beside CrowdSec's (probing 10 distinct paths leaking one in 10 s, brute force 5):
 * half as strict again, because a gateway sees clients that were deployed wrong as often as attackers.
 */
import type { BanTimes, ScenarioPlan } from '../../plan/threats.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const TEN_MINUTES: BanTimes = { time: 10 * MINUTE, escalate: 2, max: DAY }

/** One visit is no accident, and no proof of more: an hour, then four, then sixteen. */
export const HONEYPOT_BAN: BanTimes = { time: HOUR, escalate: 4, max: DAY }

export const BUILT_IN_SCENARIOS: readonly ScenarioPlan[] = [
  {
    // Somebody looks for what may be there. Who is identified asks for objects, which is object-enumeration's matter.
    name: 'scanner',
    count: { statuses: [404], policies: null, distinct: 'path', callers: 'unidentified' },
    by: [{ kind: 'ip' }],
    rate: { count: 15, period: MINUTE },
    ban: TEN_MINUTES,
    mode: 'enforce',
    where: ''
  },
  {
    // `..` above the root, encoded slashes and NULs: no client library sends them.
    name: 'path-traversal',
    count: { statuses: [400], policies: ['framing'], distinct: 'path', callers: 'any' },
    by: [{ kind: 'ip' }],
    rate: { count: 10, period: MINUTE },
    ban: TEN_MINUTES,
    mode: 'enforce',
    where: ''
  },
  {
    // Stolen passwords, guessed keys, forged tokens: the one thing they have in common is that each is another one.
    name: 'credential-stuffing',
    count: { statuses: [401], policies: ['auth'], distinct: 'credential', callers: 'any' },
    by: [{ kind: 'ip' }],
    rate: { count: 15, period: MINUTE },
    ban: TEN_MINUTES,
    mode: 'enforce',
    where: ''
  },
  {
    // The same against one account from many addresses, each of which tries once.
    name: 'account-stuffing',
    count: { statuses: [401], policies: ['auth'], distinct: 'credential', callers: 'any' },
    by: 'account',
    rate: { count: 20, period: 10 * MINUTE },
    ban: TEN_MINUTES,
    mode: 'enforce',
    where: ''
  },
  {
    // One identity asks for many objects of one route that are not there or not its own.
    name: 'object-enumeration',
    count: { statuses: [403, 404], policies: null, distinct: 'object', callers: 'identified' },
    by: [{ kind: 'caller' }, { kind: 'route' }],
    rate: { count: 20, period: MINUTE },
    ban: TEN_MINUTES,
    mode: 'enforce',
    where: ''
  }
]

/** Files with secrets in them that a careless deployment leaves where the web can see them. In normal form. */
export const BUILT_IN_HONEYPOTS: readonly string[] = [
  '/.env',
  '/.env.local',
  '/.env.production',
  '/.env.bak',
  '/.git/config',
  '/.git/HEAD',
  '/.git/index',
  '/.git/credentials',
  '/.git-credentials',
  '/.svn/entries',
  '/.svn/wc.db',
  '/.hg/hgrc',
  '/.aws/credentials',
  '/.aws/config',
  '/.ssh/id_rsa',
  '/.ssh/id_ed25519',
  '/.ssh/authorized_keys',
  '/.docker/config.json',
  '/.kube/config',
  '/.npmrc',
  '/.netrc',
  '/.pgpass',
  '/.htpasswd',
  '/.bash_history',
  '/.vscode/sftp.json',
  '/id_rsa',
  '/wp-config.php.bak',
  '/etc/passwd',
  '/proc/self/environ'
]
