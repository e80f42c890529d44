/** The TLS scenarios' certificate: P-256, as most are today. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from '../src/example/certificate.ts'
import { folder } from './processes.ts'

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export async function writeCertificate(): Promise<Certificate> {
  const made = await makeCertificate(['localhost'], 2)
  const files = { cert: join(folder, 'tls.pem'), key: join(folder, 'tls.key') }
  writeFileSync(files.cert, made.certificate)
  writeFileSync(files.key, made.key, { mode: 0o600 })
  return files
}
