/** An authorization server of which a test decides everything: its keys, its answers, and whether it answers at all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface SigningKey {
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
  readonly kid: string;
  readonly alg: string;
}

export async function createSigningKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }, privateKey, kid, alg };
}

/** Answers one path. `undefined` closes the connection. */
export type Answering = (req: IncomingMessage, body: string) => { status?: number; body: unknown } | undefined;

export interface PlayedIssuer {
  readonly url: string;
  /** Path of every request so far. */
  readonly requests: string[];
  /** What `/jwks` lists. Live. */
  keys: SigningKey[];
  /** While true, every connection is closed without an answer. */
  isDown: boolean;
  /** Replaces what a path answers. */
  readonly answers: Map<string, Answering>;
  /** How often a path was asked for. */
  count(path: string): number;
  close(): Promise<void>;
}

const metadataPath = '/.well-known/oauth-authorization-server';

/** @param path of the issuer identifier, such as `/tenant` */
export async function playIssuer(path = ''): Promise<PlayedIssuer> {
  const answers = new Map<string, Answering>();
  const server = createServer((req, res) => void answer(req, res));

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = req.url ?? '';
    issuer.requests.push(asked);
    const body = (await req.toArray()).join('');
    const found = issuer.isDown ? undefined : answers.get(asked)?.(req, body);
    if (!found) return void res.destroy();
    res.writeHead(found.status ?? 200, { 'content-type': 'application/json' });
    res.end(typeof found.body === 'string' ? found.body : JSON.stringify(found.body));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: PlayedIssuer = {
    url: `${origin}${path}`,
    requests: [],
    keys: [await createSigningKey('first')],
    isDown: false,
    answers,
    count: (asked) => issuer.requests.filter((request) => request === asked).length,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  const metadata = {
    issuer: issuer.url,
    jwks_uri: `${origin}/jwks`,
    introspection_endpoint: `${origin}/introspect`,
  };
  answers.set(`${metadataPath}${path}`, () => ({ body: metadata }));
  answers.set('/jwks', () => ({ body: { keys: issuer.keys.map(({ publicJwk }) => publicJwk) } }));
  return issuer;
}

const without = (members: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** An access token as RFC 9068 has it; claims and header members can be replaced or left out (`undefined`). */
export function signToken(
  issuer: PlayedIssuer,
  audience: string,
  changes: { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: SigningKey } = {},
): Promise<string> {
  const key = changes.key ?? (issuer.keys[0] as SigningKey);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer.url,
    aud: audience,
    sub: 'alice',
    client_id: 'client',
    scope: 'mcp:tools',
    iat: now,
    exp: now + 900,
    jti: 'the id of the token',
    ...changes.claims,
  };
  const header = { alg: key.alg, kid: key.kid, typ: 'at+jwt', ...changes.header };
  return new SignJWT(without(claims)).setProtectedHeader(without(header) as { alg: string }).sign(key.privateKey);
}
