import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose';
import { type EventSink, resourceMember } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';

interface RevocationContext {
  status: number;
  body: unknown;
  readonly oidc?: {
    readonly params?: Readonly<Record<string, unknown>>;
    readonly client?: { readonly clientId: string };
  };
}

export interface JwtRevocationOptions {
  readonly issuer: Issuer;
  readonly publicKeys: { readonly keys: readonly JWK[] };
  readonly events: EventSink;
  /** Ends a grant with every token under it. */
  readonly deleteGrant: (grantId: string) => Promise<void>;
}

/**
 * Completes answers of revocation: of an access token that is a JWT, which oidc-provider does not know
 * (RFC 7009 section 2). The token names its grant, and ends as an opaque one does: with its grant, so that no other token
 * of it goes on (section 2.1). A JWT without a grant stays `unsupported_token_type`: nothing could end it.
 */
export function createJwtRevocation({ issuer, publicKeys, events, deleteGrant }: JwtRevocationOptions) {
  const keys = createLocalJWKSet(publicKeys as JSONWebKeySet);

  /** Claims of a live token of this issuer; undefined for every other text. */
  async function read(token: unknown): Promise<Record<string, unknown> | undefined> {
    if (typeof token !== 'string') return undefined;
    const expected = { issuer: issuer.identifier, typ: 'at+jwt', algorithms: ['ES256'] };
    const verified = await jwtVerify(token, keys, expected).catch(() => undefined);
    return verified?.payload;
  }

  async function revoke(ctx: RevocationContext, clientId: string): Promise<void> {
    const claims = await read(ctx.oidc?.params?.token);
    if (claims && typeof claims.gid !== 'string') return;
    // An unknown token, an expired one and another client's are answered alike (RFC 7009 section 2.2).
    ctx.status = 200;
    ctx.body = '';
    if (typeof claims?.gid !== 'string' || claims.client_id !== clientId) return;
    await deleteGrant(claims.gid);
    events.emit({
      type: 'token.revoked',
      clientId,
      flowId: claims.gid,
      ...(typeof claims.sub === 'string' && { subject: claims.sub }),
      ...resourceMember(claims.aud),
      grants: 1,
    });
  }

  return async (ctx: RevocationContext): Promise<void> => {
    const { client } = ctx.oidc ?? {};
    const { error } = (ctx.body ?? {}) as { error?: unknown };
    // Told after the client was authenticated, and of nothing but JWTs.
    if (error !== 'unsupported_token_type' || !client) return;
    try {
      await revoke(ctx, client.clientId);
    } catch (cause) {
      if (!(cause instanceof TemporarilyUnavailable)) throw cause;
      ctx.status = cause.statusCode;
      ctx.body = { error: cause.error, error_description: cause.error_description };
    }
  };
}
