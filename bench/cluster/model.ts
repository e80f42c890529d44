/**
 * Hosts that share one limit, local first, as control/cluster/exchange.ts and cluster/scripts.ts do it, in simulated time:
 * the same arithmetic on one key, without sockets. Seeded: a run says the same each time.
 */

export interface Scenario {
  hosts: number
  /** Units per second, and at once. */
  rate: number
  burst: number
  /** What clients ask for together, as a multiple of the rate. */
  demand: number
  /** Exponent of the hosts' shares (Zipf); 0: all alike. */
  skew: number
  /** ms between two exchanges of a host, and the longest one way to the store. */
  interval: number
  delay: number
  seconds: number
  /** Share of the hosts that the store can't be reached from, and when, s; null: none. */
  partition: { share: number; from: number; to: number } | null
  seed: number
}

export interface Outcome {
  /** Most units above `burst + rate × t` at any time t. */
  overshoot: number
  /** What the documentation allows. */
  bound: number
  /** Units admitted in the last quarter of the time, as a multiple of the rate. */
  settled: number
  /** Exchanges per second that the store sees. */
  exchanges: number
}

const TICK = 5

interface Host {
  share: number
  /** Theoretical arrival time, ms. */
  tat: number
  pending: number
  last: number
  doubtful: boolean
  nextExchange: number
  /** An exchange on its way: when it is at the store, and back. */
  flight: {
    at: number
    back: number
    add: number
    answered: boolean
    before: number
    after: number
    matched: boolean
  } | null
  demand: number
  cut: boolean
}

export function simulate(scenario: Scenario): Outcome {
  const { hosts: count, rate, burst, interval, delay, seconds, partition } = scenario
  const random = generator(scenario.seed)
  const unit = 1000 / rate
  const capacity = burst * unit
  const hosts = hostsOf(scenario, random)
  let store = 0
  let admitted = 0
  let overshoot = 0
  let exchanges = 0
  let late = 0
  for (let now = 0; now < seconds * 1000; now += TICK) {
    for (const host of hosts) {
      const away = partition !== null && host.cut && now >= partition.from * 1000 && now < partition.to * 1000
      // What clients ask of it.
      host.demand += (host.share * scenario.demand * rate * TICK * (0.5 + random())) / 1000
      const asked = Math.floor(host.demand)
      host.demand -= asked
      const free = Math.floor((capacity - Math.max(0, host.tat - now)) / unit + 1e-9)
      const taken = Math.max(0, Math.min(asked, free))
      if (taken > 0) {
        host.tat = Math.max(host.tat, now) + taken * unit
        host.pending += taken
        if (away) host.doubtful = true
        admitted += taken
        if (now >= seconds * 750) late += taken
      }
      // Its exchange with the store.
      const { flight } = host
      if (flight !== null && !flight.answered && now >= flight.at) {
        exchanges++
        flight.answered = true
        flight.before = Math.max(store, now)
        store = flight.matched
          ? Math.max(flight.before + flight.add * unit, now + Math.max(0, host.tat - now))
          : flight.before + flight.add * unit
        flight.after = store
      }
      if (flight !== null && now >= flight.back) {
        const others = flight.matched
          ? flight.after - Math.max(host.tat, now)
          : flight.before - Math.max(host.last, now)
        host.last = flight.after
        if (others > 0) host.tat = Math.max(host.tat, now) + others
        host.flight = null
      }
      if (host.flight === null && now >= host.nextExchange) {
        host.nextExchange += interval
        if (away) {
          host.last = Number.NaN
          continue
        }
        const at = now + random() * delay
        const matched = Number.isNaN(host.last)
        const add = host.doubtful ? 0 : host.pending
        host.flight = { at, back: at + random() * delay, add, answered: false, before: 0, after: 0, matched }
        host.pending = 0
        host.doubtful = false
      }
    }
    overshoot = Math.max(overshoot, admitted - burst - (rate * (now + TICK)) / 1000)
  }
  const blind = (interval + 2 * delay + 2 * TICK) / 1000
  return {
    overshoot: Math.round(overshoot),
    bound: Math.round((count - 1) * (burst + rate * blind)),
    settled: late / (rate * seconds * 0.25),
    exchanges: exchanges / seconds
  }
}

function hostsOf({ hosts, skew, interval, partition }: Scenario, random: () => number): Host[] {
  const weights = Array.from({ length: hosts }, (_, i) => 1 / (i + 1) ** skew)
  const sum = weights.reduce((all, weight) => all + weight, 0)
  return weights.map((weight) => ({
    share: weight / sum,
    tat: 0,
    pending: 0,
    last: Number.NaN,
    doubtful: false,
    nextExchange: random() * interval,
    flight: null,
    demand: 0,
    cut: partition !== null && random() < partition.share
  }))
}

/** Mulberry32: 32 bits of state, enough for traffic. @returns 0 to 1 */
function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
