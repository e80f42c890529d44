/** Certificates for gateways under test, as files beside their configuration. */
import { makeCertificate } from '../../src/example/certificate.ts'

export interface TestCertificate {
  /** What a client trusts, PEM. */
  ca: string
  /** `cert` and `key` for `GatewayOptions.files`, named `<name>.pem` and `<name>.key`. */
  files: Record<string, string>
  /** An item of `tls.certificates`. */
  yaml: string
}

export async function testCertificate(name: string, hosts: readonly string[]): Promise<TestCertificate> {
  const { ca, certificate, key } = await makeCertificate(hosts, 7)
  return {
    ca,
    files: { [`${name}.pem`]: certificate, [`${name}.key`]: key },
    yaml: `{ hosts: ${JSON.stringify(hosts)}, cert: ${name}.pem, key: ${name}.key }`
  }
}
