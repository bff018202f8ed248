import type { IncomingMessage } from 'node:http';
import { callerOf } from '../shared/caller.ts';
import { type Header, isNamed } from '../shared/header-list.ts';
import { accountIdOf } from '../shared/identity.ts';
import type { KeyRingSource } from '../shared/secrets.ts';

/**
 * Sessions of the 2025 revisions are the upstream's, which sees one credential for everybody where it is shared: the id alone
 * would let whoever learns it into the session of another person (MCP 2025-11-25, Security Best Practices, Session
 * Hijacking). So the client gets the id with a signature over whom it was given to: user and client, never a token, since that
 * changes. Nothing is kept, and every replica reads it.
 */
export interface SessionBinding {
  /** Headers of an answer to this caller, with the upstream's session id bound to them; a promise only where there is one. */
  bind(req: IncomingMessage, headers: readonly Header[]): readonly Header[] | Promise<readonly Header[]>;
  /** The upstream's id in one that this caller was given; undefined in any other. */
  read(req: IncomingMessage, presented: string): Promise<string | undefined>;
}

export const sessionHeader = 'mcp-session-id';
const purpose = 'mcp-session';

/** What a session id is good for: one user and client at one resource of one issuer. */
function boundTo(req: IncomingMessage, id: string): string {
  const { identity, client } = callerOf(req);
  const { resource } = (req as IncomingMessage & { readonly auth: { readonly resource?: URL } }).auth;
  return JSON.stringify([resource?.href ?? '', accountIdOf(identity), client.clientId, id]);
}

export function createSessionBinding(keyRing: KeyRingSource): SessionBinding {
  async function bindSession(req: IncomingMessage, headers: readonly Header[]): Promise<readonly Header[]> {
    const ring = await keyRing();
    return headers.map(([name, id]): Header => {
      if (!isNamed(name, sessionHeader)) return [name, id];
      return [name, `${ring.sign(purpose, boundTo(req, id))}.${id}`];
    });
  }

  return {
    bind: (req, headers) =>
      headers.some(([name]) => isNamed(name, sessionHeader)) ? bindSession(req, headers) : headers,

    async read(req, presented) {
      const separator = presented.indexOf('.');
      if (separator < 0) return undefined;
      const id = presented.slice(separator + 1);
      const ring = await keyRing();
      return ring.verify(purpose, boundTo(req, id), presented.slice(0, separator)) ? id : undefined;
    },
  };
}
