/** What every transport grants a target, whatever its configuration. */

/**
 * How long an idle connection is kept, ms. Below the shortest idle limit that is common behind gateways (Node.js,
 * Apache and uvicorn: 5 s), so that we are the side that closes first and the keep-alive race stays rare.
 */
export const KEEP_ALIVE = 4_000
/** A target's `Keep-Alive: timeout` may say more or less: less a second for the way there, at most this. */
export const KEEP_ALIVE_MAX = 60_000
export const KEEP_ALIVE_MARGIN = 1_000

/** Bytes of one answer's head. */
export const MAX_HEAD = 16 * 1024
/** Fields of one head; HAProxy's default too. */
export const MAX_FIELDS = 100
/** 1xx answers before the one that counts. */
export const MAX_INTERIM = 16
/** Bytes of a request's body that wait in memory for the socket, besides the socket's own buffer. */
export const BODY_BUFFER = 16 * 1024
