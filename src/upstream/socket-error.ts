/** An error's `code`, or ''. */
export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** What the log says of a failed connection: the code, and the message, of all addresses tried if several were. */
export function describe(error: Error): string {
  const code = codeOf(error)
  const message =
    error instanceof AggregateError && error.message === ''
      ? error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ')
      : error.message
  return code === '' || message.includes(code) ? message : `${code}: ${message}`
}
