/**
 * Server certificates: read, checked the way a client and the TLS library will, and copied to private files. uWS
 * reads files and either throws without a reason or, adding a server name, fails silently; so whatever it may be
 * handed has been parsed, matched and dated here first.
 *
 * An expired certificate is a warning: a gateway that must come up again at 3 a.m. serves its other hosts, and
 * clients of this one are told by their own TLS what is wrong. Refusing to start would take everything down.
 */
import { X509Certificate, createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { CertificatePlan } from '../../plan/certificate.ts'
import { reasonOf } from '../config/read.ts'
import type { Documents } from './documents.ts'
import { writePrivate } from './private-file.ts'
import type { Path, Report } from './report.ts'

const DAY = 86_400_000
const SOON = 14 * DAY
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
/** A host name of RFC 1123, or a wildcard of one label. */
const HOST = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

export interface CertificateInput {
  /** Server names, `*.x` for one label; IP addresses are covered, but no client sends one as a server name. */
  hosts: readonly string[]
  cert: string
  key: string
}

export interface CertificateOptions {
  documents: Documents
  report: Report
  /** Absolute; folder of the private copies. */
  directory: string
  /** False: nothing is written, the plan names the files that would be. */
  writeFiles: boolean
  /** ms since the epoch. */
  now: number
}

/** Compiles `tls.certificates`, standing at `path`. Certificates with errors are reported and left out. */
export function compileCertificates(
  inputs: readonly CertificateInput[],
  path: Path,
  options: CertificateOptions
): CertificatePlan[] {
  const plans: CertificatePlan[] = []
  const owners = new Map<string, CertificatePlan>()
  inputs.forEach((input, i) => {
    const plan = compileCertificate(input, [...path, i], options)
    if (!plan) return
    plans.push(plan)
    for (const host of plan.hosts) {
      const owner = owners.get(host)
      if (owner && owner !== plan)
        options.report.error([...path, i], `${host} is answered by the certificate at ${owner.where} already`)
      owners.set(host, plan)
    }
  })
  return plans
}

function compileCertificate(
  input: CertificateInput,
  path: Path,
  { documents, report, directory, writeFiles, now }: CertificateOptions
): CertificatePlan | null {
  if (report.isPlaceholder([...path, 'cert']) || report.isPlaceholder([...path, 'key'])) return null
  const certPem = documents.pem(input.cert, [...path, 'cert'])
  const keyPem = documents.pem(input.key, [...path, 'key'])
  const chain = certPem === null ? null : parseChain(certPem, [...path, 'cert'], report)
  const key = keyPem === null ? null : parseKey(keyPem, [...path, 'key'], report)
  if (certPem === null || keyPem === null || !chain || !key) return null
  const [leaf, ...issuers] = chain
  if (!checkPair(leaf, issuers, key, path, report)) return null
  checkChain(chain, [...path, 'cert'], report)
  checkDates(leaf, [...path, 'cert'], report, now)

  const names = alternativeNames(leaf)
  const hosts = hostsOf(input, names, path, report)
  const content = createHash('sha256').update(certPem).update('\0').update(keyPem).digest('hex')
  const certFile = join(directory, `${content}.crt`)
  const keyFile = join(directory, `${content}.key`)
  if (writeFiles) {
    try {
      writePrivate(directory, certFile, certPem)
      writePrivate(directory, keyFile, keyPem)
    } catch (error) {
      report.error([...path, 'cert'], `no private copy can be kept in ${directory}: it ${reasonOf(error)}`)
    }
  }
  return {
    hosts: hosts.filter((host) => isIP(host) === 0),
    certFile,
    keyFile,
    covers: [...new Set([...hosts, ...names.dns, ...names.ip])],
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: leaf.validToDate.getTime(),
    where: report.where(path)
  }
}

/** A file's certificates, in order; null, and an error, when it holds none or a damaged one. */
export function parseChain(pem: string, path: Path, report: Report): [X509Certificate, ...X509Certificate[]] | null {
  const blocks = pem.match(PEM_BLOCK) ?? []
  const chain: X509Certificate[] = []
  for (const [i, block] of blocks.entries()) {
    try {
      chain.push(new X509Certificate(block))
    } catch {
      report.error(path, `certificate ${i + 1} of ${blocks.length} is damaged: it can't be parsed`)
      return null
    }
  }
  const [leaf, ...rest] = chain
  if (leaf) return [leaf, ...rest]
  report.error(path, 'holds no certificate: expected PEM, "-----BEGIN CERTIFICATE-----"')
  return null
}

function parseKey(pem: string, path: Path, report: Report): KeyObject | null {
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(pem)) {
    report.error(path, 'holds no private key: expected PEM, "-----BEGIN PRIVATE KEY-----"')
    return null
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    report.error(
      path,
      'the private key is encrypted with a passphrase; store it decrypted, readable by the gateway only'
    )
    return null
  }
  try {
    return createPrivateKey(pem)
  } catch {
    report.error(path, "the private key is damaged or of a kind that can't be used")
    return null
  }
}

function checkPair(
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
  key: KeyObject,
  path: Path,
  report: Report
): boolean {
  if (!leaf.checkPrivateKey(key)) {
    const other = issuers.findIndex((certificate) => certificate.checkPrivateKey(key))
    const hint = other < 0 ? '' : `; it fits certificate ${other + 2} of the file: put that one first`
    report.error([...path, 'key'], `the private key doesn't fit the certificate${hint}`)
    return false
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < 2048) {
    report.error([...path, 'key'], `an RSA key of ${bits} bits can be broken; clients ask for 2048 or more`)
    return false
  }
  return true
}

/** A stray certificate does no harm by itself; a gap or a wrong order makes clients without the missing one fail. */
function checkChain(chain: readonly X509Certificate[], path: Path, report: Report): void {
  for (let i = 1; i < chain.length; i++) {
    const [child, parent] = [chain[i - 1], chain[i]]
    if (child && parent && !child.checkIssued(parent))
      report.warn(path, `certificate ${i + 1} of the file didn't issue certificate ${i}: order them leaf first`)
  }
}

function checkDates(leaf: X509Certificate, path: Path, report: Report, now: number): void {
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  if (to <= now) report.warn(path, `the certificate expired on ${day(to)}: clients refuse it`)
  else if (to < now + SOON) report.warn(path, `the certificate expires on ${day(to)}, in less than 14 days`)
  if (from > now) report.warn(path, `the certificate is valid from ${day(from)} only: clients refuse it until then`)
}

function hostsOf(input: CertificateInput, names: AlternativeNames, path: Path, report: Report): string[] {
  const hosts = input.hosts.map((host) => (isIP(host) === 0 ? host.toLowerCase() : canonicalAddress(host)))
  hosts.forEach((host, i) => {
    if (!covers(names, host))
      report.warn([...path, 'hosts', i], `the certificate doesn't cover ${host}: clients refuse it`)
  })
  return hosts
}

/** Whether a name, or a wildcard of one label, or an address of the certificate stands for `host`. */
function covers({ dns, ip }: AlternativeNames, host: string): boolean {
  if (isIP(host) !== 0) return ip.includes(host)
  if (dns.includes(host)) return true
  const dot = host.indexOf('.')
  return dot > 0 && !host.startsWith('*.') && dns.includes(`*${host.slice(dot)}`)
}

interface AlternativeNames {
  dns: string[]
  ip: string[]
}

/** node prints them as `DNS:a, IP Address:1.2.3.4, DNS:"odd, name"`: what needs quoting is no host name and left out. */
function alternativeNames(leaf: X509Certificate): AlternativeNames {
  const names: AlternativeNames = { dns: [], ip: [] }
  for (const entry of (leaf.subjectAltName ?? '').split(', ')) {
    if (entry.startsWith('DNS:')) names.dns.push(entry.slice(4).toLowerCase())
    else if (entry.startsWith('IP Address:')) names.ip.push(canonicalAddress(entry.slice(11)))
  }
  names.dns = names.dns.filter((name) => HOST.test(name))
  return names
}

/** The one spelling of an IPv6 address that a URL parser, and so a client's Host, has: lower-case, compressed. */
function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
}
