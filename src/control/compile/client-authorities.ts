/** `listen[].tls.clientCertificates`: the authorities whose certificates a listener's clients may show. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ListenerConfig } from '../config/schema.ts'
import type { ClientCertificatesPlan } from '../../plan/listener.ts'
import { reasonOf } from '../config/read.ts'
import { parseChain, type CertificateOptions } from './certificates.ts'
import { writePrivate } from './private-file.ts'
import type { Path } from './report.ts'

export type ClientCertificatesConfig = Exclude<NonNullable<ListenerConfig['tls']>, boolean>['clientCertificates']

/** null, and an error, when the authorities can't be used. uWS takes a file that it can't use without a word. */
export function compileClientCertificates(
  config: ClientCertificatesConfig,
  path: Path,
  { documents, report, directory, writeFiles, now }: CertificateOptions
): ClientCertificatesPlan | null {
  const at = [...path, 'ca']
  if (report.isPlaceholder(at)) return null
  const pem = documents.pem(config.ca, at)
  const authorities = pem === null ? null : parseChain(pem, at, report)
  if (pem === null || authorities === null) return null
  for (const [i, authority] of authorities.entries()) {
    const which = authorities.length === 1 ? 'the certificate' : `certificate ${i + 1} of ${authorities.length}`
    const until = authority.validToDate
    if (!authority.ca) {
      report.error(at, `${which} is not an authority's (CA:TRUE), so it vouches for nobody`)
      return null
    }
    if (until.getTime() <= now)
      report.warn(at, `${which} expired on ${until.toISOString().slice(0, 10)}: clients it vouches for are refused`)
  }
  const caFile = join(directory, `${createHash('sha256').update('ca\0').update(pem).digest('hex')}.crt`)
  if (writeFiles) {
    try {
      writePrivate(directory, caFile, pem)
    } catch (error) {
      report.error(at, `no private copy can be kept in ${directory}: it ${reasonOf(error)}`)
    }
  }
  return { caFile, required: config.required ?? false, where: report.where(path) }
}
