/** `npm run bench`: scenarios one after the other, a table, a chart, JSON. Exits 1 when a goal is missed. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { checkOut, ROOT } from './against.ts'
import { writeCertificate } from './certificate.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { installPackages } from './packages.ts'
import { installFastify } from './peers/fastify.ts'
import { type Build, NotSupported } from './peers/gatehouse.ts'
import { buildNative } from './peers/native.ts'
import { startUpstream } from './peers/nginx.ts'
import { publish, saveResults, writeJson } from './publish.ts'
import { goalRows, type Missing, type Report, tableText } from './report.ts'
import type { Bench, Effort, Figure, Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'
import { Signer } from './tokens.ts'

const WHOLE: Effort = { quick: false, rounds: 5, seconds: 4, warmUp: 2 }
const QUICK: Effort = { quick: true, rounds: 2, seconds: 1, warmUp: 1 }
/** A quick run begins no scenario after this long: the longest takes 15 s. */
const QUICK_LIMIT_MS = 100_000

/** Where `npm run bench` was called: npm changes into the project's folder. */
const CALLED_FROM = process.env.INIT_CWD ?? process.cwd()

async function main(): Promise<number> {
  let options: Options | 'help'
  try {
    options = readOptions(process.argv.slice(2), scenarios)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (options === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  if (options.list) {
    for (const { name, about } of scenarios) process.stdout.write(`${name.padEnd(26)}${about}\n`)
    return 0
  }
  if (availableParallelism() < 2) throw new Error('the bench needs two cores: one for the gateways, one for the load')

  installPackages()
  buildNative()
  installFastify()
  const older = options.against === null ? null : checkOut(options.against)
  const bench = await prepare(options)
  const report = await runAll(options.scenarios, bench, older)
  process.stdout.write(`\n${tableText(report)}`)
  if (older) return 0

  process.stdout.write(`\nChart and JSON are in ${saveResults(report)}\n`)
  if (options.json !== null) writeJson(resolve(CALLED_FROM, options.json), report)
  if (options.publish) publish(report, bench.effort.rounds)
  const rows = goalRows(report)
  const missed = rows.filter(({ held }) => !held).length
  if (rows.length > 0) process.stdout.write(`${rows.length - missed} of ${rows.length} goals held.\n`)
  return missed === 0 ? 0 : 1
}

async function prepare(options: Options): Promise<Bench> {
  const effort = options.quick ? QUICK : WHOLE
  const signers = { RS256: new Signer('RS256'), ES256: new Signer('ES256') }
  return {
    effort: { ...effort, rounds: options.rounds ?? effort.rounds, seconds: options.seconds ?? effort.seconds },
    build: { name: 'Gatehouse', root: ROOT },
    upstream: await startUpstream(),
    signers,
    tokens: { RS256: await signers.RS256.token('cached'), ES256: await signers.ES256.token('cached') },
    certificate: await writeCertificate(),
    generator: options.generator
  }
}

/** A scenario that fails doesn't end the others: the table says what it lacks. */
async function runAll(chosen: readonly Scenario[], bench: Bench, older: Build | null): Promise<Report> {
  const figures: Figure[] = []
  const missing: Missing[] = []
  const begun = Date.now()
  for (const scenario of chosen) {
    const run = older ? scenario.compare && (() => scenario.compare?.(bench, older)) : () => scenario.run(bench)
    const { name, about, figures: names = [name] } = scenario
    if (!run) {
      process.stderr.write(`${name}: not one that two builds are compared by\n`)
      continue
    }
    if (bench.effort.quick && Date.now() - begun > QUICK_LIMIT_MS) {
      missing.push({ scenario: name, figures: names, why: `no time left in a quick run; --scenario ${name} runs it` })
      continue
    }
    process.stderr.write(`${name}: ${about}\n`)
    try {
      figures.push(...((await run()) ?? []))
    } catch (error) {
      const why = error instanceof NotSupported ? error.message : String(error)
      process.stderr.write(`  ${why}\n`)
      missing.push({ scenario: name, figures: names, why: (why.split('\n', 1)[0] ?? '').replace(/:$/, '') })
    }
  }
  return { figures, missing }
}

process.exit(await main())
