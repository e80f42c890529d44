/** `cluster`: where the store is that several hosts share, and how it is spoken with. */
import type { ClusterPlan } from '../../plan/cluster.ts'
import type { ClusterConfig } from '../config/schema.ts'
import type { RedisUrl } from '../config/units.ts'
import { duration, redisUrl } from './checked.ts'
import type { Documents } from './documents.ts'
import type { Report } from './report.ts'

const INTERVAL = 100
const TIMEOUT = 50
const PREFIX = 'gatehouse'
const PATH = ['cluster', 'redis']

export function compileCluster(
  config: ClusterConfig | undefined,
  documents: Documents,
  report: Report
): ClusterPlan | null {
  if (config === undefined) return null
  const more = typeof config.redis === 'string' ? { url: config.redis } : config.redis
  const urls = [more.url].flat().map(redisUrl)
  const [first] = urls
  if (first === undefined) return null
  checkUrls(urls, report)
  const { sentinel, cluster = false, ca, serverName } = more
  if (sentinel !== undefined && cluster)
    report.error([...PATH, 'cluster'], 'a Redis Cluster knows its masters itself: it has no sentinels')
  if (cluster && first.database !== 0) report.error([...PATH, 'url'], 'a Redis Cluster has only database 0')
  if (urls.length > 1 && sentinel === undefined && !cluster)
    report.error([...PATH, 'url'], 'several urls: say sentinel: NAME, or cluster: true for a Redis Cluster')
  if (!first.tls && (ca !== undefined || serverName !== undefined))
    report.error([...PATH, ca === undefined ? 'serverName' : 'ca'], 'nothing is encrypted here: rediss:// says TLS')
  return {
    kind: cluster ? 'cluster' : sentinel === undefined ? 'single' : 'sentinel',
    addresses: urls.map(({ host, port }) => ({ host, port })),
    master: sentinel ?? '',
    tls: first.tls
      ? { ca: ca === undefined ? null : documents.pem(ca, [...PATH, 'ca']), serverName: serverName ?? null }
      : null,
    username: more.username ?? first.username,
    password: more.password ?? first.password,
    sentinelPassword: more.sentinelPassword ?? '',
    database: first.database,
    prefix: config.prefix ?? PREFIX,
    secret: config.secret ?? '',
    interval: config.interval === undefined ? INTERVAL : duration(config.interval),
    timeout: config.timeout === undefined ? TIMEOUT : duration(config.timeout),
    where: report.where(['cluster'])
  }
}

/** One store has one way to be spoken with. */
function checkUrls(urls: readonly RedisUrl[], report: Report): void {
  const same = ({ tls, username, password, database }: RedisUrl): string =>
    JSON.stringify([tls, username, password, database])
  const [first] = urls
  const other = urls.findIndex((url) => first !== undefined && same(url) !== same(first))
  if (other > 0)
    report.error([...PATH, 'url', other], 'scheme, user, password and database are the same in all urls, and not here')
}
