import type { Log } from '../observe/log.ts'
import type { RolloutEvents } from './rollout.ts'

/** What a worker's admission does at each level (limits/admission.ts). */
const SHEDDING = [
  'takes every request again',
  'is overloaded and turns away requests without a credential',
  'is overloaded and turns away credentials that it does not know',
  'is overloaded and turns away known callers, too'
]

type Notes = 'connectionRefused' | 'shedding' | 'strictStore' | 'exception' | 'joinFailed' | 'slowToStart'

/** What workers report and nobody has to act on but the owner: a line of the log each. */
export function workerNotes(log: () => Log): Pick<RolloutEvents, Notes> {
  return {
    connectionRefused: ({ client, listener, limit, where }) =>
      log().warn(`connections of ${client} are closed: over client.connections.${limit}`, { client, listener, where }),
    shedding: (worker, level, cause) =>
      log()[level === 0 ? 'info' : 'warn'](`worker ${worker} ${SHEDDING[level] ?? ''}`, { worker, cause }),
    strictStore: (worker, up, reason) => {
      if (up) log().info(`worker ${worker} asks the store of the cluster about strict limits`, { worker })
      else log().warn(`worker ${worker} decides on strict limits without the store: ${reason}`, { worker })
    },
    exception: (reason) => log().error('an exception cost a request its answer', { reason }),
    joinFailed: (index, reason) => log().error(`worker ${index} can't take the configuration`, { reason }),
    slowToStart: (index, waited, left) =>
      log().warn(
        `worker ${index} is not up after ${waited} ms: the machine is busy, or it hangs; it has ${left} ms more`,
        {
          worker: index
        }
      )
  }
}
