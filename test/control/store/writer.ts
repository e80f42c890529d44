/** Writes rows for ever and says which are on the disk: for a test that kills it in the middle of that. */
import { RevocationTable } from '../../../src/control/store/revocations.ts'
import { Store } from '../../../src/control/store/store.ts'

const store = await Store.open({ stateDir: process.argv[2] ?? '', onNote: () => {} })
const table = new RevocationTable(store)
const none = { issuer: null, jti: null, subject: null, consumer: null, kid: null, issuedBefore: null }
for (let i = 0; ; i++) {
  table.put({ id: `row-${i}`, ...none, until: Date.now() + 3_600_000, reason: '', added: i })
  if ((await store.flush()) === null) process.stdout.write(`flushed ${i}\n`)
}
