/**
 * The example's secrets: made fresh on first use, kept in var/example, never committed. The configuration refers to
 * the files; only this process and the commands it prints ever hold what is in them.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newApiKey } from '../identity/key-form.ts'
import { generateKeys, type Jwk } from '../identity/jose.ts'

/** The folder that holds bin/, config/ and var/. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const EXAMPLE_CONFIG = join(ROOT, 'config', 'gatehouse.yaml')

export interface Material {
  /** Absolute; for `curl --cacert`. */
  caFile: string
  /** The API key of the consumer `acme`. */
  apiKey: string
  /** The issuer's private key, with alg and kid. */
  issuerKey: Jwk
}

const VALID_DAYS = 90
/** Made anew rather than run out while somebody tries things. */
const RENEW_BEFORE = 7 * 86_400_000

/** Reads the material, or makes it when there is none or its certificate runs out. `made`: it is new. */
export async function prepareExample(dir = join(ROOT, 'var', 'example')): Promise<Material & { made: boolean }> {
  const made = !isUsable(dir)
  if (made) await make(dir)
  return {
    made,
    caFile: join(dir, 'ca.pem'),
    apiKey: readFileSync(join(dir, 'acme.key'), 'utf8').trim(),
    issuerKey: JSON.parse(readFileSync(join(dir, 'issuer.jwk.json'), 'utf8')) as Jwk
  }
}

function isUsable(dir: string): boolean {
  if (
    !['ca.pem', 'tls.pem', 'tls.key', 'issuer.jwk.json', 'acme.key', 'acme.hash'].every((file) =>
      existsSync(join(dir, file))
    )
  ) {
    return false
  }
  const { validTo } = new X509Certificate(readFileSync(join(dir, 'tls.pem')))
  return Date.parse(validTo) > Date.now() + RENEW_BEFORE
}

/** Into a folder of its own, then put in place whole: two first starts at once don't mix their keys. */
async function make(dir: string): Promise<void> {
  const { makeCertificate } = await import('./certificate.ts')
  const { ca, certificate, key } = await makeCertificate(['localhost'], VALID_DAYS)
  const apiKey = newApiKey()
  const { privateJwk } = await generateKeys('ES256')
  const fresh = `${dir}.${process.pid}`
  mkdirSync(fresh, { recursive: true, mode: 0o700 })
  const write = (name: string, text: string): void => writeFileSync(join(fresh, name), text, { mode: 0o600 })
  write('ca.pem', ca)
  write('tls.pem', certificate)
  write('tls.key', key)
  write('issuer.jwk.json', `${JSON.stringify(privateJwk, null, 2)}\n`)
  write('acme.key', `${apiKey}\n`)
  write('acme.hash', `sha256:${createHash('sha256').update(apiKey).digest('hex')}\n`)
  if (!isUsable(dir)) {
    rmSync(dir, { recursive: true, force: true })
    try {
      renameSync(fresh, dir)
    } catch (error) {
      // Another first start was faster by a hair: its material is as good.
      if (!isUsable(dir)) throw error
    }
  }
  rmSync(fresh, { recursive: true, force: true })
}
