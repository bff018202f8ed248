/** An identity provider of which only what ID-JAGs need is there: metadata, keys, and a pen that writes whatever a test wants. */
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface IdJagKey {
  readonly kid: string;
  readonly publicKey: JWK;
  readonly privateKey: CryptoKey;
}

export interface Changes {
  /** Members replace the sound ones; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** @defaultValue the first published key */
  readonly key?: IdJagKey;
}

export interface IdJagIssuer {
  readonly issuer: string;
  /** Paths, in order of arrival. */
  readonly requests: string[];
  /** What the key set holds; live. */
  readonly keys: IdJagKey[];
  /** Of the sound answers. */
  status: number;
  /** What its metadata says it is. */
  metadataIssuer: string | undefined;
  /** Replaces every answer; undefined for the sound ones. */
  answer: RequestListener | undefined;
  /** An ID-JAG that is right in everything but the changes. */
  assertion(changes?: Changes): Promise<string>;
  close(): Promise<void>;
}

export async function createIdJagKey(kid: string, alg = 'ES256'): Promise<IdJagKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, privateKey, publicKey: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const defined = (members: object) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** @param sound the claims besides `iss`, `jti`, `iat` and `exp` that a good assertion has here */
export async function startIdJagIssuer(sound: () => Readonly<Record<string, unknown>>): Promise<IdJagIssuer> {
  const keys = [await createIdJagKey('first')];
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (one.answer) return void one.answer(request, response);
    const documents: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer: one.metadataIssuer ?? one.issuer, jwks_uri: `${one.issuer}/jwks` },
      '/jwks': { keys: keys.map(({ publicKey }) => publicKey) },
    };
    const document = documents[request.url ?? ''];
    response
      .writeHead(document ? one.status : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const one: IdJagIssuer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    keys,
    answer: undefined,
    status: 200,
    metadataIssuer: undefined,
    assertion({ claims = {}, header = {}, key = keys[0] as IdJagKey } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const body = { iss: one.issuer, jti: randomUUID(), iat: now, exp: now + 300, ...sound(), ...claims };
      const head = { typ: 'oauth-id-jag+jwt', alg: key.publicKey.alg, kid: key.kid, ...header };
      return new SignJWT(defined(body)).setProtectedHeader(defined(head) as { alg: string }).sign(key.privateKey);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return one;
}
