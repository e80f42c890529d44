/**
 * What the gateway process does first. A start waits longest for the configuration to be read: that begins before the
 * rest of the main thread is loaded, and before the control thread is there that will have it.
 */
import { FIRST_GENERATION, type ReadingThread, startReading } from '../control/start-reading.ts'
import type { GatewayStart } from './guard.ts'

export const start = JSON.parse(process.argv[2] ?? '{}') as GatewayStart

/** Reads the first generation; null on the last good plan. */
export const reading: ReadingThread | null = start.lastGoodIn === null ? startReading() : null
/** Since when, ms since the epoch. */
export const began = Date.now()

const { configFile, configName } = start
reading?.port.postMessage({ configFile, configName, generation: FIRST_GENERATION })
