/** Which token must be proven how. What a proof must say is dpop.test.ts. */
import t from 'tap'
import { provePossession } from '../../src/identity/possession.ts'
import { authRequest, dpopProofs, InlineVerifier, NOW } from './kit.ts'

const proofs = dpopProofs(new InlineVerifier())
const hex = 'ab'.repeat(32)
const x5t = Buffer.from(hex, 'hex').toString('base64url')
const clientCertificate = {
  subject: 'CN=a',
  sans: [],
  fingerprint: `sha256:${hex}`,
  from: 0,
  until: NOW * 2,
  weakness: ''
}
const other = { ...clientCertificate, fingerprint: `sha256:${'00'.repeat(32)}` }

t.test('a token is taken only from who it is bound to, under the scheme that goes with it', async (t) => {
  const [unbound, key, certificate, both] = [
    null,
    { jkt: 'k', x5t: null },
    { jkt: null, x5t },
    { jkt: 'k', x5t }
  ] as const
  for (const [confirmation, dpop, required, shown, outcome] of [
    [unbound, false, false, null, 'taken'],
    [unbound, false, true, clientCertificate, /bound to nothing/],
    [unbound, true, false, null, /DPoP scheme comes with a token that is bound to no key/],
    [unbound, true, true, null, /DPoP scheme comes with a token that is bound to no key/],
    [key, false, false, null, /does not come under the DPoP scheme/],
    [key, true, false, null, /no DPoP proof comes along/],
    [certificate, false, false, clientCertificate, 'taken'],
    [certificate, false, true, clientCertificate, 'taken'],
    [certificate, false, false, null, /bound to a client certificate, and there is none/],
    [certificate, false, false, other, /bound to another client certificate/],
    [certificate, true, false, clientCertificate, /DPoP scheme comes with a token that is bound to no key/],
    [both, true, false, null, /bound to a client certificate, and there is none/],
    [both, true, false, other, /bound to another client certificate/],
    [both, false, false, clientCertificate, /does not come under the DPoP scheme/],
    [both, true, false, clientCertificate, /no DPoP proof comes along/]
  ] as const) {
    const request = authRequest({ clientCertificate: shown })
    const refusal = await provePossession('token', { confirmation, dpop, required }, request, proofs, NOW)
    const what = JSON.stringify([confirmation, dpop, required, shown?.fingerprint.slice(0, 9)])
    if (typeof outcome === 'string') t.equal(refusal, null, what)
    else t.match(refusal, { code: 'bad-credential', reason: outcome }, what)
  }
})
