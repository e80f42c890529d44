/** A gateway worker's life in short: a pool, one token, and the end. */
import { parentPort, workerData } from 'node:worker_threads'
import { VerifyPool } from '../../src/identity/pool.ts'
import { EC_KEY, token } from './kit.ts'

const { close } = workerData as { close: boolean }
const pool = new VerifyPool({ threads: 1 })
const key = await pool.verify({ alg: 'ES256', token: token(), keys: [EC_KEY] })
parentPort?.postMessage(key instanceof Error ? key.message : key?.kid)
if (close) await pool.close()
