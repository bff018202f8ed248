/**
 * Asymmetric algorithms, the only ones in which a token of another server is accepted: an HMAC under a public key, and
 * `none`, prove nothing (RFC 8725 section 2.1).
 */
export const asymmetricAlgorithms: readonly string[] = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
];
