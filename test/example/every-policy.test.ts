/**
 * Every policy of the example, broken in every value it holds, makes `gatehouse check` fail and name its line. What is
 * broken is read out of config/gatehouse.yaml itself, so a policy that is added there without a test fails here.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair, type YAMLMap } from 'yaml'
import { readPlan } from '../../src/cli/plan-file.ts'
import { runTests } from '../../src/cli/policy-tests.ts'
import { prepareExample } from '../../src/example/material.ts'

// Some sixty configurations are read: 8 s alone, much longer beside others.
t.setTimeout(240_000)

const CONFIG = join(import.meta.dirname, '../../config')
const home = mkdtempSync(join(tmpdir(), 'gh-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))
cpSync(CONFIG, join(home, 'config'), { recursive: true })
await prepareExample(join(home, 'var/example'))
const file = { file: join(home, 'config/gatehouse.yaml'), name: 'gatehouse.yaml' }
const text = readFileSync(file.file, 'utf8')
t.teardown(() => writeFileSync(file.file, text))

/** Lines of the file, from 1, both included. */
interface Lines {
  first: number
  last: number
}

interface Break {
  /** Where it stands, such as `services.orders.routes.read.policies.authorize.scopes.0`. */
  path: string
  /** Characters of the file that are replaced, and what by. */
  from: number
  to: number
  by: string
  /** Of the policy, rule or limit that it is part of: one of these is to be named. */
  lines: Lines
}

/** What no request can show offline, each with the reason. Ends of paths. */
const UNSEEN: [RegExp, string][] = [
  [/\.(name|reason)$/, 'words for the owner'],
  [/\.timeouts\./, 'time passes between client and upstream'],
  [/\.headers\.(security|response\..*)$/, 'on answers of upstreams'],
  [/\.cors\.expose\.\d+$/, 'on answers of upstreams'],
  [/\.limits\.[^.]+\.by$/, 'a test has one caller: whom a limit tells apart shows between two'],
  [/\.limits\.partner\.rate$/, 'beside a burst it shows over time only: all requests of a test are at one moment'],
  [/\.limits\.five\.rate$/, 'the same']
]

const double = (value: string): string => value.replace(/^\d+/, (count) => String(Number(count) * 2))
/** Another value of the same kind, by the last names of its path. */
const OTHERWISE: [RegExp, (value: string) => string][] = [
  [/\.(rate|burst|concurrent|maxSize)$/, double],
  [/\.cors\.maxAge$/, double],
  [/\.when$/, (rule) => JSON.stringify(`!(${rule})`)],
  [/\.mode$/, () => 'enforce'],
  [/\.(scopes|groups|issuers)\.\d+$/, () => 'another'],
  [/\.contentTypes\.\d+$/, () => 'text/html'],
  [/\.cors\.origins\.\d+$/, () => '"https://another.example"'],
  [/\.cors\.methods\.\d+$/, () => 'DELETE'],
  [/\.cors\.headers\.\d+$/, () => 'x-another'],
  [/\.auth\.key\.header$/, () => 'x-another'],
  [/\.auth\.anonymous$/, () => 'acme'],
  [/\.auth$/, () => '{ key: true }'],
  [/\.authorize$/, () => '{ scopes: [another] }'],
  [/\.cors$/, () => '{ origins: ["https://app.example.com"] }'],
  [/\.headers\.request\.set\.[^.]+$/, () => 'another'],
  [/\.respond\.status$/, (status) => (status === '308' ? '307' : '203')],
  [/\.respond\.headers\.[^.]+$/, () => '/another']
]
/** A nearer `validate` on trial leaves the decision to the gateway's, whose line is named when it refuses. */
const LEAVES_TO: [RegExp, string][] = [[/^services\.files\.routes\.content\.policies\.validate$/, 'policies.validate']]
/** What `mode: shadow` may stand on. */
const WITH_MODE = /\.(ip|auth|validate|external|authorize(\.[^.]+)?|limits\.[^.]+)$/

const counter = new LineCounter()
const document = parseDocument(text, { lineCounter: counter })
const breaks = everyBreak()

t.test('what is read out of the file', async (t) => {
  t.ok(breaks.length > 40, `${breaks.length}`)
  const policies = new Set(breaks.map(({ path }) => /policies\.([a-z]+)/.exec(path)?.[1] ?? 'respond'))
  t.strictSame([...policies].toSorted(), ['auth', 'authorize', 'cors', 'headers', 'limits', 'respond', 'validate'])
})

for (const { path, from, to, by, lines } of breaks) {
  const was = text.slice(from, to)
  t.test(`${path}: ${was === '' ? 'with' : `${was} is`} ${by || 'gone'}`, async (t) => {
    writeFileSync(file.file, text.slice(0, from) + by + text.slice(to))
    const read = readPlan(file, { secrets: true })
    const errors = read.findings.filter(({ severity }) => severity === 'error')
    const failed = (await runTests(read)).filter(({ verdict }) => verdict === 'failed')
    const wheres = [...errors.map(({ where }) => where), ...failed.map(({ decided }) => decided?.where ?? '')]
    const named = wheres.map((where) => Number(/gatehouse\.yaml:(\d+):/.exec(where)?.[1] ?? 0))
    const told = { lines, errors, failed: failed.map(({ name, decided }) => [name, decided]) }
    const others = LEAVES_TO.filter(([which]) => which.test(path)).map(([, other]) => other)
    const good = [lines, ...breaks.filter((one) => others.includes(one.path)).map((one) => one.lines)]
    t.ok(
      named.some((line) => good.some(({ first, last }) => line >= first && line <= last)),
      JSON.stringify(told, null, 1)
    )
  })
}

function everyBreak(): Break[] {
  const found: Break[] = []
  const root = document.contents
  if (!isMap(root)) throw new Error('a mapping')
  visitHolder(root, '', found)
  for (const kind of ['profiles', 'services']) {
    for (const [name, item] of itemsOf(root.get(kind, true))) {
      visitHolder(item, `${kind}.${name}.`, found)
      for (const [route, of] of itemsOf(item.get('routes', true)))
        visitHolder(of, `${kind}.${name}.routes.${route}.`, found)
    }
  }
  return found
}

/** Whatever holds `policies`, and a route's `respond`. */
function visitHolder(holder: YAMLMap, path: string, found: Break[]): void {
  const respond = pairOf(holder, 'respond')
  // Whether a route answers is what its tests say of its decision; that it does so is no line of a policy.
  if (respond !== null) visit(respond.value, `${path}respond`, linesOf(holder), found)
  const policies = pairOf(holder, 'policies')?.value
  if (!isMap(policies)) return
  for (const pair of policies.items) {
    const name = keyOf(pair)
    const value = pair.value as Node
    const lines = { first: lineOf(rangeOf(pair.key as Node)[0]), last: linesOf(value).last }
    const rules = isSeq(value) && (name === 'authorize' || name === 'limits')
    if (rules)
      for (const [rule, item] of itemsOf(value)) visit(item, `${path}policies.${name}.${rule}`, linesOf(item), found)
    else visit(value, `${path}policies.${name}`, lines, found)
  }
}

function visit(node: Node, path: string, lines: Lines, found: Break[]): void {
  if (UNSEEN.some(([end]) => end.test(path))) return
  const [from, to] = rangeOf(node)
  if (isScalar(node)) {
    const otherwise = OTHERWISE.find(([end]) => end.test(path))?.[1]
    // Methods that take true, and a text that the gateway answers with: the first are broken by being taken away.
    if (otherwise) found.push({ path, from, to, by: otherwise(String(node.value)), lines })
    else if (node.value !== true && !path.endsWith('.respond.body')) t.fail(`nobody says how to break ${path}`)
  } else if (isSeq(node)) {
    node.items.forEach((item, i) => visit(item as Node, `${path}.${i}`, lines, found))
  } else if (isMap(node)) {
    if (WITH_MODE.test(path) && !node.has('mode')) {
      const [first] = rangeOf(node.items[0]?.key as Node)
      const by = node.flow ? 'mode: shadow, ' : `mode: shadow\n${' '.repeat(column(first))}`
      found.push({ path, from: first, to: first, by, lines })
    }
    for (const [i, pair] of node.items.entries()) {
      const inner = `${path}.${keyOf(pair)}`
      if (path.endsWith('.auth') && node.items.length > 1)
        found.push({ path: inner, ...without(node, i), by: '', lines })
      visit(pair.value as Node, inner, lines, found)
    }
  }
}

/** A member of a flow mapping with the comma that parts it from its neighbour. */
function without({ items }: YAMLMap, i: number): { from: number; to: number } {
  const [own] = rangeOf(items[i]?.key as Node)
  const next = items[i + 1]
  if (next !== undefined) return { from: own, to: rangeOf(next.key as Node)[0] }
  return { from: rangeOf(items[i - 1]?.value as Node)[1], to: rangeOf(items[i]?.value as Node)[1] }
}

/** By their names, or their places where they have none. Items of other files (`file:`) have no members of their own. */
function itemsOf(list: unknown): [string, YAMLMap][] {
  if (!isSeq(list)) return []
  return list.items
    .filter((item) => isMap(item))
    .map((item, i): [string, YAMLMap] => {
      const name = item.get('name')
      return [typeof name === 'string' ? name : String(i), item]
    })
}

function pairOf(map: YAMLMap, key: string): { value: Node } | null {
  const pair = map.items.find((candidate) => keyOf(candidate) === key)
  return pair === undefined ? null : { value: pair.value as Node }
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : ''
}

function rangeOf({ range }: Node): [number, number] {
  if (!range) throw new Error('parsed nodes have their places')
  return [range[0], range[1]]
}

function linesOf(node: Node): Lines {
  const [from, to] = rangeOf(node)
  return { first: lineOf(from), last: lineOf(to - 1) }
}

function lineOf(offset: number): number {
  return counter.linePos(offset).line
}

function column(offset: number): number {
  return counter.linePos(offset).col - 1
}
