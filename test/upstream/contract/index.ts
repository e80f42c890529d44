import type { Test } from 'tap'
import { answers } from './answers.ts'
import { broken } from './broken.ts'
import { connections } from './connections.ts'
import { deadlines } from './deadlines.ts'
import { requests } from './requests.ts'
import { shares } from './shares.ts'
import type { Subject } from './subject.ts'

/** The conformance suite of Transport: whoever implements it passes all of this. */
export function contract(t: Test, subject: Subject): void {
  // Most of the time is spent waiting for timeouts to pass.
  t.jobs = 5
  t.test('answers', { buffered: true }, (t) => answers(t, subject))
  t.test('broken answers', { buffered: true }, (t) => broken(t, subject))
  t.test('requests', { buffered: true }, (t) => requests(t, subject))
  t.test('connections', { buffered: true }, (t) => connections(t, subject))
  t.test('shares', { buffered: true }, (t) => shares(t, subject))
  t.test('deadlines', { buffered: true }, (t) => deadlines(t, subject))
}
