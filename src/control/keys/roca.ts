/**
 * The fingerprint of RSA moduli made by Infineon's RSALib (ROCA, CVE-2017-15361): its primes are k·M + (65537^a mod M),
 * so the modulus too is a power of 65537 modulo every small prime. A random modulus passes all of these 38 tests
 * about once in 2^27.
 */

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167
]

/** For each prime, the residues that powers of 65537 take. */
const POWERS = PRIMES.map((prime) => {
  const residues = new Set<number>()
  for (let power = 1; !residues.has(power); power = (power * (65537 % prime)) % prime) residues.add(power)
  return { prime: BigInt(prime), residues }
})

export function isRocaModulus(modulus: bigint): boolean {
  return POWERS.every(({ prime, residues }) => residues.has(Number(modulus % prime)))
}
