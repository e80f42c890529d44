/** Header fields of an answer to a client: flat name, value pairs, names lower-case, values Latin-1 text. */
export interface AnswerFields {
  readonly shared: SharedFields
  /** Those of this answer alone, behind them. */
  readonly own: readonly string[]
}

/**
 * Fields that many answers have alike: all but the request's id and what is left of its limits, nearly always. Nine
 * strings written into each answer, one call of native code each, were a tenth of what a refusal takes.
 */
export class SharedFields {
  readonly list: readonly string[]
  /** Whether they come again, and their bytes are worth keeping. */
  readonly again: boolean
  /** As they are sent behind the line of this status: kept by whoever sends them first. */
  bytes: Uint8Array | null = null
  status = 0

  constructor(list: readonly string[], again: boolean) {
    this.list = list
    this.again = again
  }
}

/** All of an answer's fields in the order in which they are sent. */
export function allFields({ shared, own }: AnswerFields): string[] {
  return [...shared.list, ...own]
}
