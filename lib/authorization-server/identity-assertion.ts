import type { IncomingMessage } from 'node:http';
import { importJWK, type JWK, SignJWT } from 'jose';
import { callerOf } from '../shared/caller.ts';
import type { Issuer } from '../shared/issuer.ts';

/** The `typ` of an identity assertion: no access token and no ID token may be taken for one, nor the reverse (RFC 8725 section 3.11). */
const assertionType = 'identity+jwt';

const lifetimeSeconds = 60;
/** How long an assertion is used again. */
const reuseSeconds = 30;
const maxRemembered = 2000;

export interface IdentityAssertionOptions {
  readonly issuerOf: (req: IncomingMessage) => Issuer | undefined;
  /** The issuer's private key that signs now. */
  readonly signingKey: (issuer: Issuer) => Promise<JWK>;
  readonly now?: () => number;
}

interface Remembered {
  readonly assertion: Promise<string>;
  /** UNIX seconds. */
  readonly signedAt: number;
}

/** Signs who calls, for one audience: `iss`, `aud`, `sub`, `idp`, `client_id`, `roles`, `claims`, of 60 seconds. */
export function createIdentityAssertions({
  issuerOf,
  signingKey,
  now = Date.now,
}: IdentityAssertionOptions): (req: IncomingMessage, audience: string) => Promise<string> {
  const remembered = new Map<string, Remembered>();

  async function sign(key: JWK, claims: Record<string, unknown>, at: number): Promise<string> {
    return new SignJWT({ ...claims, iat: at, exp: at + lifetimeSeconds })
      .setProtectedHeader({ alg: 'ES256', typ: assertionType, kid: key.kid as string })
      .sign(await importJWK(key, 'ES256'));
  }

  return async (req, audience) => {
    const issuer = issuerOf(req);
    if (!issuer) throw new Error('the request names no issuer');
    const { identity, client } = callerOf(req);
    const claims = {
      iss: issuer.identifier,
      aud: audience,
      sub: identity.sub,
      idp: identity.iss,
      client_id: client.clientId,
      roles: identity.roles,
      claims: identity.claims,
    };
    const key = await signingKey(issuer);
    const name = `${key.kid} ${JSON.stringify(claims)}`;
    const at = Math.floor(now() / 1000);
    const before = remembered.get(name);
    if (before && at >= before.signedAt && at - before.signedAt < reuseSeconds) return before.assertion;
    const assertion = sign(key, claims, at);
    remembered.delete(name);
    remembered.set(name, { assertion, signedAt: at });
    if (remembered.size > maxRemembered) remembered.delete(remembered.keys().next().value as string);
    return assertion;
  };
}
