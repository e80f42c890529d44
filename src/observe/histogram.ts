/**
 * A duration histogram by route, counted in plain arrays: prom-client's own takes 1.2 µs an observation for its label
 * hashing, this 30 ns, and there are two for every request. prom-client's registry formats it all the same.
 */

/** Upper bounds in seconds. From a refusal out of memory to a service's slowest report. */
const BUCKETS: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export class DurationSeries {
  readonly route: string
  /** Per bucket, not cumulated; the last is above all bounds. */
  readonly counts = new Float64Array(BUCKETS.length + 1)
  sum = 0

  constructor(route: string) {
    this.route = route
  }

  observe(seconds: number): void {
    let i = 0
    while (i < BUCKETS.length && seconds > (BUCKETS[i] ?? Infinity)) i++
    this.counts[i] = (this.counts[i] ?? 0) + 1
    this.sum += seconds
  }
}

/** One line of the exposition. */
export interface Sample {
  metricName: string
  labels: Record<string, string | number>
  value: number
}

/** What a registry of prom-client asks of a metric. */
export class DurationHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #series: DurationSeries[] = []

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  series(route: string): DurationSeries {
    const series = new DurationSeries(route)
    this.#series.push(series)
    return series
  }

  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: Sample[] }> {
    const { name, help, type, aggregator } = this
    const observed = this.#series.filter(({ counts }) => counts.some((n) => n > 0))
    return Promise.resolve({ name, help, type, aggregator, values: observed.flatMap((one) => samples(name, one)) })
  }
}

function samples(name: string, { route, counts, sum }: DurationSeries): Sample[] {
  let cumulated = 0
  const buckets = BUCKETS.map((le, i): Sample => {
    cumulated += counts[i] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, route }, value: cumulated }
  })
  const count = cumulated + (counts[BUCKETS.length] ?? 0)
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', route }, value: count },
    { metricName: `${name}_sum`, labels: { route }, value: sum },
    { metricName: `${name}_count`, labels: { route }, value: count }
  ]
}
