/**
 * The tables of `state.dir/gatehouse.db`. Each has a file of its own here that reads and writes it and says what its
 * columns mean; this one says how they came to be, and when their rows go.
 */

/**
 * What brings a database from one version (`PRAGMA user_version`, the number of these that ran) to the next, each in
 * one transaction. What has run somewhere is never edited: a change is a new entry at the end.
 *
 * Points in time are INTEGER, ms since the epoch. Tables are STRICT: a value of another type is an error.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE revocations (
    id TEXT PRIMARY KEY,
    issuer TEXT,
    jti TEXT,
    subject TEXT,
    consumer TEXT,
    kid TEXT,
    issued_before INTEGER,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    added INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE bans (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    who TEXT NOT NULL,
    scenario TEXT NOT NULL,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    offences INTEGER NOT NULL,
    remembered INTEGER NOT NULL,
    mode TEXT NOT NULL,
    limited INTEGER NOT NULL,
    evidence TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE quotas (
    half TEXT NOT NULL,
    key TEXT NOT NULL,
    until INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (half, key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE key_uses (id TEXT PRIMARY KEY, known INTEGER NOT NULL, used INTEGER) STRICT, WITHOUT ROWID`,
  // With row ids: a tree of keys would put most of each row's 4 KB on pages of their own.
  `CREATE TABLE quota_sketch (
    half TEXT NOT NULL,
    layout INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    page INTEGER NOT NULL,
    until INTEGER NOT NULL,
    words BLOB NOT NULL,
    PRIMARY KEY (half, layout, columns, page)
  ) STRICT`
]

/**
 * Bans kept over a restart, those that end last and owners': a row takes up to 4.5 KB (measured; its client writes the
 * evidence), and the whole file 256 MiB, past which quotas and revocations could not be kept either.
 */
const MOST_BANS = 30_000

/**
 * Run every minute, with the time now (ms) as the one parameter: what no longer says anything leaves. Rows of key_uses
 * leave with the keys that they are of.
 */
export const EXPIRY: readonly string[] = [
  'DELETE FROM revocations WHERE until <= ?',
  'DELETE FROM bans WHERE remembered <= ?',
  `DELETE FROM bans WHERE ? > 0 AND scenario <> 'added'
    AND id IN (SELECT id FROM bans ORDER BY until DESC, id LIMIT -1 OFFSET ${MOST_BANS})`,
  'DELETE FROM quotas WHERE until <= ?',
  'DELETE FROM quota_sketch WHERE until <= ?'
]
