/** What every policy says of itself. */

/** Where something is written: `file:line:col`, the file as the owner named it. For logs and `explain` only. */
export type Where = string

/** Whether a refusal refuses (`enforce`) or is only counted and logged as "would have denied" (`shadow`). */
export type Mode = 'enforce' | 'shadow'

/** The level a policy was written at: `gateway`, `profile:<name>`, `service:<name>` or `route:<service>.<route>`. */
export type Level = string
