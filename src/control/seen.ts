/** What the control thread makes once of an outcome or a client, for all the records that name it. */
import { ClientText, OutcomeText } from '../observe/access-line.ts'
import type { ExchangeNumbers, Metrics } from '../observe/metrics.ts'
import type { Client, Outcome } from '../observe/record.ts'
import type { Keeper } from '../observe/record-reader.ts'

export class SeenOutcome implements Keeper<Outcome> {
  readonly text = new OutcomeText()
  /** null: before the first `keep`. */
  numbers: ExchangeNumbers | null = null
  readonly #metrics: Metrics
  readonly #labelsOf: (route: string) => string
  #outcome: Outcome | null = null

  /** @param labelsOf labels of a route as JSON by what serves now, '' for none */
  constructor(metrics: Metrics, labelsOf: (route: string) => string) {
    this.#metrics = metrics
    this.#labelsOf = labelsOf
  }

  keep(outcome: Outcome): void {
    this.#outcome = outcome
    this.numbers = this.#metrics.numbersOf(outcome)
    this.label()
  }

  /** By the labels that routes have now. */
  label(): void {
    if (this.#outcome !== null) this.text.write(this.#outcome, this.#labelsOf(this.#outcome.route))
  }
}

export class SeenClient implements Keeper<Client> {
  readonly text = new ClientText()
  /** Whose credential was a configured key; null: it wasn't. */
  caller: Client | null = null

  keep(client: Client): void {
    this.caller = client.authMethod === 'key' ? client : null
    this.text.write(client)
  }
}
