import type { Test } from 'tap'
import type { UpstreamPlan } from '../../../src/plan/upstream.ts'
import type { Transport } from '../../../src/upstream/transport.ts'
import { plan } from '../recorder.ts'
import { type Script, scripted, type ScriptedUpstream } from '../scripted.ts'

/** What a transport is known to do differently, each with its reason where it is set. */
export interface Quirks {
  /** A 100 that no Expect asked for is a fault. */
  refusesContinue?: boolean
  /** Names of the broken answers that it takes all the same. */
  takes?: readonly string[]
}

export interface Subject {
  make: (plan: UpstreamPlan) => Transport
  quirks: Quirks
}

/** A transport to one scripted upstream, both gone when `t` ends. */
export async function against(
  t: Test,
  subject: Subject,
  script: Script,
  more: Parameters<typeof plan>[1] & { tls?: { key: string; cert: string } } = {}
): Promise<{ transport: Transport; upstream: ScriptedUpstream }> {
  const upstream = await scripted(t, script, more.tls)
  const transport = subject.make(plan([upstream], more))
  return { transport, upstream }
}
