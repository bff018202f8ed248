import type { idTokenFaults } from '../../lib/testing.ts';

/** The exact reason of each fault, for operators. The client gets one vague answer for all of them. */
export const idTokenReasons: Record<keyof typeof idTokenFaults, string> = {
  'foreign issuer': 'unexpected "iss" claim value',
  'missing issuer': 'missing required "iss" claim',
  'foreign audience': 'unexpected "aud" claim value',
  'missing audience': 'missing required "aud" claim',
  'several audiences without azp': 'several audiences without azp',
  'several audiences, azp foreign': 'azp is another client',
  'several audiences, azp own': 'an audience is neither clientId nor oidc.audience',
  'one audience, azp foreign': 'azp is another client',
  'wrong nonce': 'nonce mismatch',
  'missing nonce': 'nonce mismatch',
  expired: `"exp" claim timestamp check failed; clock skew? iat is 2880 min behind this server's clock`,
  'missing exp': 'missing required "exp" claim',
  'not yet valid': '"nbf" claim timestamp check failed',
  'missing sub': 'missing required "sub" claim',
  'empty sub': 'sub is empty or no text',
  'foreign key with the same kid': 'signature verification failed',
  'foreign key with an unknown kid': 'no applicable key found in the JSON Web Key Set',
  'foreign key named in jku': 'signature verification failed',
  'alg none': '"alg" (Algorithm) Header Parameter value not allowed',
  'HS256 with the public key': '"alg" (Algorithm) Header Parameter value not allowed',
  'HS256 with the client secret': '"alg" (Algorithm) Header Parameter value not allowed',
  'signature cut off': 'signature verification failed',
  'no JWT': 'Invalid Compact JWS',
  absent: '',
};
