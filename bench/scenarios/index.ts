/** Every scenario, in the order of the table. */
import type { Scenario } from '../scenario.ts'
import { download10kb, download1mb, upload10kb, upload1mb } from './bodies.ts'
import { decisions } from './decisions.ts'
import { floors } from './floors.ts'
import { idlePlain, idleTls } from './idle-connections.ts'
import { badTokenFlood, halfLoadLatency } from './latency.ts'
import { newTokens } from './new-tokens.ts'
import { plain, securedEs256, securedPipelined, securedRs256 } from './proxying.ts'
import { refusals } from './refusals.ts'
import { policies, routes, workers } from './scaling.ts'
import { tlsHandshakes, tlsKeepAlive } from './tls.ts'

export const scenarios: readonly Scenario[] = [
  securedRs256,
  securedPipelined,
  securedEs256,
  refusals,
  newTokens,
  badTokenFlood,
  routes,
  workers,
  policies,
  idlePlain,
  idleTls,
  decisions,
  floors,
  plain,
  download10kb,
  download1mb,
  upload10kb,
  upload1mb,
  tlsKeepAlive,
  tlsHandshakes,
  halfLoadLatency
]
