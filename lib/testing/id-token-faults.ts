import type { JWTPayload } from 'jose';
import type { IdTokenHook } from './misbehaviour.ts';

const daySeconds = 86_400;
const attacker = 'https://attacker.example';

/**
 * ID tokens that no relying party may take (OpenID Connect Core section 3.1.3.7), by name, for `it.each`: each is a value
 * for `misbehave.idToken`. Times are counted from the real token's `iat`, a day away: beyond any clock tolerance.
 */
export const idTokenFaults = {
  'foreign issuer': (claims, sign) => sign({ ...claims, iss: attacker }),
  'missing issuer': ({ iss, ...claims }, sign) => sign(claims),
  'foreign audience': (claims, sign) => sign({ ...claims, aud: 'another-client' }),
  'missing audience': ({ aud, ...claims }, sign) => sign(claims),
  'several audiences without azp': ({ azp, ...claims }, sign) =>
    sign({ ...claims, aud: [String(claims.aud), 'another-client'] }),
  'several audiences, azp foreign': (claims, sign) =>
    sign({ ...claims, aud: [String(claims.aud), 'another-client'], azp: 'another-client' }),
  'several audiences, azp own': (claims, sign) =>
    sign({ ...claims, aud: [String(claims.aud), 'another-client'], azp: String(claims.aud) }),
  'one audience, azp foreign': (claims, sign) => sign({ ...claims, azp: 'another-client' }),
  'wrong nonce': (claims, sign) => sign({ ...claims, nonce: 'another-nonce' }),
  'missing nonce': ({ nonce, ...claims }, sign) => sign(claims),
  expired: (claims, sign) => sign({ ...claims, iat: at(claims, -2 * daySeconds), exp: at(claims, -daySeconds) }),
  'missing exp': ({ exp, ...claims }, sign) => sign(claims),
  'not yet valid': (claims, sign) => sign({ ...claims, nbf: at(claims, daySeconds), exp: at(claims, 2 * daySeconds) }),
  'missing sub': ({ sub, ...claims }, sign) => sign(claims),
  'empty sub': (claims, sign) => sign({ ...claims, sub: '' }),
  'foreign key with the same kid': (claims, sign) => sign(claims, 'foreign-key'),
  'foreign key with an unknown kid': (claims, sign) => sign(claims, 'foreign-key', { kid: 'unknown' }),
  'foreign key named in jku': (claims, sign) => sign(claims, 'foreign-key', { jku: `${attacker}/jwks` }),
  'alg none': (claims, sign) => sign(claims, 'none'),
  'HS256 with the public key': (claims, sign) => sign(claims, 'hs256-public-key'),
  'HS256 with the client secret': (claims, sign) => sign(claims, 'hs256-client-secret'),
  'signature cut off': async (claims, sign) => (await sign(claims)).replace(/[^.]+$/, ''),
  'no JWT': async () => 'not-a-jwt',
  absent: async () => undefined,
} as const satisfies Record<string, IdTokenHook>;

function at({ iat = 0 }: JWTPayload, seconds: number): number {
  return iat + seconds;
}
