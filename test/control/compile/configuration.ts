/** Configurations for the tests of this folder: written to a folder of their own, loaded, compiled. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { compilePlan, stateDirOf, type Compiled, type CompileOptions } from '../../../src/control/compile/index.ts'
import { loadConfig, type Finding, type Loaded, type LoadOptions } from '../../../src/control/config/load.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import type { RoutePlan } from '../../../src/plan/route.ts'

const folders: string[] = []
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A folder of this test's own, removed at the end, holding `files`. */
export function folderOf(files: Readonly<Record<string, string>> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'compile-')))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** Loads `g.yaml` of the given text; its findings are an error of the test's own. */
export function load(yaml: string, folder = folderOf(), options: LoadOptions = {}): Loaded {
  const file = join(folder, 'g.yaml')
  writeFileSync(file, yaml)
  const { loaded, findings } = loadConfig(file, { name: 'g.yaml', ...options })
  if (!loaded) throw new Error(findings.map(({ where, message }) => `${where} ${message}`).join('\n'))
  return loaded
}

export function compile(yaml: string, folder = folderOf(), options: Partial<CompileOptions> = {}): Compiled {
  const loaded = load(yaml, folder)
  return compilePlan(loaded, { generation: 1, stateDir: stateDirOf(loaded), writeFiles: false, ...options })
}

/** The plan of a configuration that must have one. */
export function planOf(yaml: string, folder?: string): Plan {
  const { plan, findings } = compile(yaml, folder)
  if (!plan) throw new Error(findings.map(({ where, message }) => `${where} ${message}`).join('\n'))
  return plan
}

/** The one route of a configuration of one. */
export function routeOf(yaml: string): RoutePlan {
  const [route] = planOf(yaml).routes
  if (!route) throw new Error('no route')
  return route
}

/**
 * `line:col path: message` of each error, whether the loader or the compiler finds it: both belong to what a
 * configuration is told.
 */
export function errorsOf(yaml: string, folder?: string): string[] {
  return said(yaml, 'error', folder)
}

export function warningsOf(yaml: string, folder?: string): string[] {
  return said(yaml, 'warning', folder)
}

export function wideningsOf(yaml: string): string[] {
  return compile(yaml).widenings.map(({ path, message }) => `${path}: ${message}`)
}

function said(yaml: string, severity: Finding['severity'], folder = folderOf()): string[] {
  const file = join(folder, 'g.yaml')
  writeFileSync(file, yaml)
  const { loaded, findings } = loadConfig(file, { name: 'g.yaml' })
  const compiled = loaded ? compile(yaml, folder).findings : []
  return [...findings, ...compiled]
    .filter((finding) => finding.severity === severity)
    .map(({ where, path, message }) => `${where.replace('g.yaml:', '')} ${path}: ${message}`)
}

/** One route `s.r` on /x, with the given flow mapping as its policies, and more lines at the end. */
export function routeWith(policies: string, more = ''): string {
  return `version: 1
listen: [ { address: "127.0.0.1:0" } ]
services:
  - name: s
    url: http://127.0.0.1:9
    routes:
      - { name: r, match: { paths: ["/x/{id}"] }, policies: { ${policies} } }
${more}`
}

/** Exactly these are said, in this order. */
export function saysExactly(
  t: Pick<Test, 'equal' | 'match'>,
  got: readonly string[],
  expected: readonly RegExp[],
  name = ''
): void {
  t.equal(got.length, expected.length, `${name}: ${got.join(' · ') || 'nothing'}`)
  expected.forEach((pattern, i) => t.match(got[i], pattern, name))
}
