/** Debian's packages that the bench runs, installed when they are missing. Nothing that a package brings is started. */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

/** Package by what shows that it is there. */
const PACKAGES = {
  nginx: '/usr/sbin/nginx',
  haproxy: '/usr/sbin/haproxy',
  caddy: '/usr/bin/caddy',
  wrk: '/usr/bin/wrk',
  gcc: '/usr/bin/gcc',
  make: '/usr/bin/make',
  'libssl-dev': '/usr/include/openssl/evp.h'
} as const

/** Asked by Debian's maintainer scripts before they start a service; 101 is "not allowed" (invoke-rc.d(8)). */
const POLICY = '/usr/sbin/policy-rc.d'

/** @throws when something is missing and can't be installed, naming the command that would */
export function installPackages(): void {
  const missing = Object.entries(PACKAGES)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name)
  if (missing.length === 0) return
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`the bench needs ${missing.join(', ')}. On Debian, as root: ${command}`)
  }
  process.stderr.write(`installing ${missing.join(', ')} (once)\n`)
  const holdServices = !existsSync(POLICY)
  if (holdServices) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    apt('update', '-qq')
    apt('install', '-qq', '-y', '--no-install-recommends', ...missing)
  } catch (error) {
    throw new Error(`could not install ${missing.join(', ')}; as root: ${command}`, { cause: error })
  } finally {
    if (holdServices) rmSync(POLICY, { force: true })
  }
}

function apt(...args: string[]): void {
  execFileSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  })
}
