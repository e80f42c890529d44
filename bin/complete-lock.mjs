// Completes package-lock.json (its path is the argument) with the platform packages that npm left out because the
// registry it asked does not carry them. `npm ci` refuses a lockfile without them even where none would be installed;
// named with their platform and without a digest, they satisfy it and are never fetched.
import { readFileSync, writeFileSync } from 'node:fs'

const file = process.argv[2]
const lock = JSON.parse(readFileSync(file, 'utf8'))
const packages = new Map(Object.entries(lock.packages))

for (const [path, asking] of Array.from(packages)) {
  for (const [name, version] of Object.entries(asking.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`
    if (packages.has(at) || packages.has(`${path}/${at}`)) continue
    packages.set(at, { version, ...platform(name), ...(asking.dev ? { dev: true } : {}), optional: true })
  }
}

lock.packages = Object.fromEntries([...packages].sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)

function platform(name) {
  const words = name.split(/[/-]/)
  const os = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'].find((word) => words.includes(word))
  const cpu = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'].find((word) => words.includes(word))
  const libc = words.find((word) => word.includes('musl')) ? ['musl'] : undefined
  const here = os === 'linux' && cpu === 'x64' && !libc
  if (!os || !cpu || here) throw new Error(`${name} may be needed here, and the registry does not carry it`)
  return { cpu: [cpu], ...(libc ? { libc } : {}), os: [os] }
}
