/**
 * `labels` of the configuration on the metrics that are told by route. They are put there when the text is made and not
 * when something is counted: they are the configuration's, which may change them, and the counts go on.
 */

interface Told {
  readonly labels: Readonly<Partial<Record<string, string | number>>>
}

/** What a registry of prom-client asks of a metric, ours or one of its own. */
export interface Metric {
  get(): Promise<{ readonly values: readonly Told[] }>
}

/** A metric whose samples of a route carry what the configuration says of that route. */
export class Labelled implements Metric {
  readonly name: string
  readonly #metric: Metric
  readonly #labelsOf: (route: string) => Readonly<Record<string, string>> | undefined

  constructor(name: string, metric: Metric, labelsOf: (route: string) => Readonly<Record<string, string>> | undefined) {
    this.name = name
    this.#metric = metric
    this.#labelsOf = labelsOf
  }

  async get(): Promise<{ readonly values: readonly Told[] }> {
    const told = await this.#metric.get()
    return {
      ...told,
      values: told.values.map((sample) => {
        const { route } = sample.labels
        const labels = typeof route === 'string' ? this.#labelsOf(route) : undefined
        return labels === undefined ? sample : { ...sample, labels: { ...sample.labels, ...labels } }
      })
    }
  }
}
