/** lookups.ts ROUTES COUNT: ns of processor time per lookup in a table of that many routes, as native-bench/radix.c. */
import { HeaderList } from '../../../src/headers.ts'
import { RouteMatch } from '../../../src/routing/match.ts'
import { RouteTable } from '../../../src/routing/table.ts'
import { routePlans } from '../../../test/routing/fixtures/routes.ts'
import { routePath } from '../config.ts'

const PATHS = 4096

const [, , routes = '', count = ''] = process.argv
const table = RouteTable.buildNow(
  routePlans(Array.from({ length: Number(routes) }, (_, i) => ({ paths: [`${routePath(i)}/{id}`] })))
)
const paths = Array.from({ length: PATHS }, (_, i) => `${routePath((i * 7919) % Number(routes))}/${i}`)
const headers = new HeaderList()
const match = new RouteMatch()

function lookUp(times: number): void {
  for (let i = 0; i < times; i++) {
    const path = paths[i % PATHS] ?? ''
    table.find('', path, 'GET', headers, 'public', match)
    if (match.kind !== 'route') throw new Error(`${path} is not found`)
  }
}

lookUp(Number(count) / 10)
const before = process.cpuUsage()
lookUp(Number(count))
const { user, system } = process.cpuUsage(before)
process.stdout.write(String(((user + system) * 1000) / Number(count)))
