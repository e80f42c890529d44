import type { RolloutEvents } from '../../src/control/rollout.ts'

/** Hears everything of a rollout and does nothing. */
export const NO_EVENTS: RolloutEvents = {
  unknownKid() {},
  exception() {},
  banned() {},
  connectionRefused() {},
  strictStore() {},
  shedding() {},
  revocations: () => null,
  joined() {},
  joinFailed() {},
  slowToStart() {}
}
