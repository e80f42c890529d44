/** 200 rotations of a certificate leave memory flat, lose no request and leave no private key behind. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from '../control/compile/certificate.ts'
import { reload } from '../e2e/control-socket.ts'
import { startGateway } from '../e2e/gateway.ts'
import { configuration } from '../e2e/reload/configuration.ts'
import { eventually, pause, Visitors } from '../e2e/visitors.ts'
import { proof } from './proof.ts'
import { mb, NOTHING_TO_FILL, privateMemory } from '../e2e/memory.ts'

const WARM = 40
/** The thread that reads configurations goes after ten idle seconds, retired certificates with their connections, ms. */
const SETTLED = 15_000
const ROTATIONS = 200
/**
 * uWebSockets.js keeps about that much of a TLS app for good after it is closed (measured), in each worker: 18 KB are the
 * function templates that it makes anew for every app, which V8's context holds; the rest is native, the TLS context first.
 */
const KEPT_BY_UWS = 27 << 10
const WORKERS = 2
/** Beside that, what a heap differs by from one moment to another. */
const more = (before: number): number => before / 10 + (4 << 20) + ROTATIONS * WORKERS * KEPT_BY_UWS

await proof(`${ROTATIONS} certificate rotations`, async (owner) => {
  const pairs = await Promise.all(
    Array.from({ length: 10 }, (_, i) => makeCertificate(`site ${i}`, { names: [{ type: 'dns', value: 'localhost' }] }))
  )
  const gateway = await startGateway(
    owner,
    configuration({
      listen: '{ name: secure, address: "127.0.0.1:0", tls: true }',
      more: 'tls: { certificates: [ { hosts: [localhost], cert: site.crt, key: site.key } ] }\n'
    }),
    { files: { 'site.crt': pairs[0]?.cert ?? '', 'site.key': pairs[0]?.key ?? '' }, env: NOTHING_TO_FILL }
  )
  const pid = await gateway.gatewayPid()
  const visitors = new Visitors(gateway.port, { keepAlive: 4, fresh: 1, ca: pairs.map(({ cert }) => cert), pause: 20 })
  const rotate = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const next = pairs[i % pairs.length]
      writeFileSync(join(gateway.dir, 'site.crt'), next?.cert ?? '')
      writeFileSync(join(gateway.dir, 'site.key'), next?.key ?? '')
      // The watch may have been quicker: then there is nothing left to change.
      const { outcome } = await reload(gateway.dir)
      if (outcome === 'refused') throw new Error(`rotation ${i} was refused`)
    }
    await pause(SETTLED)
  }
  await rotate(1, WARM)
  const before = privateMemory(pid)
  await rotate(WARM, WARM + ROTATIONS)
  const after = privateMemory(pid)
  const losses = await visitors.stop()
  const copies = await eventually(
    () => readdirSync(join(gateway.dir, 'var/tls')).length === 2,
    'one certificate and one key are left',
    15_000
  )
  return {
    holds: after - before <= more(before) && losses.lost.length === 0 && copies,
    figure: `memory ${mb(before)} before, ${mb(after)} after (at most ${mb(more(before))} more); ${losses.lost.length} of ${losses.answered} requests lost; no copy of an old key left`
  }
})
