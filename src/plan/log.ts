export interface LogPlan {
  /** Where access lines go; a path is reopened on SIGUSR1. */
  access: { kind: 'stdout' | 'stderr' | 'none' } | { kind: 'file'; path: string }
  level: 'debug' | 'info' | 'warn' | 'error'
}
