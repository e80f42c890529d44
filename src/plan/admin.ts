export interface AdminPlan {
  host: string
  /** 0: any free port (tests). */
  port: number
  tls: boolean
  /** SHA-256 of the token, 64 lower-case hex digits. */
  tokenHash: string
}
