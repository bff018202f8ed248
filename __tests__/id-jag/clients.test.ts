import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, SignJWT } from 'jose';
import { soundDocument } from '../clients/document-client.ts';
import { type DocumentHost, startDocumentHost } from '../clients/document-host.ts';
import { createDpopKey } from '../dpop/support.ts';
import { type Answer, basic, type Parameters, postForm, send } from '../helpers/oauth-client.ts';
import { createIdJagKey, type IdJagKey } from './issuer.ts';
import { agent, callWith, jwtBearer, type Redemption, startRedemption } from './support.ts';

const outcome = ({ status, json }: Answer) => [status, json?.error ?? json?.token_type];

/** Of RFC 7523 section 2.2, as form parameters. */
async function clientAssertion(clientId: string, audience: string, key: IdJagKey): Promise<Parameters> {
  const jwt = new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('1m');
  return {
    client_id: clientId,
    client_secret: undefined,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await jwt.sign(key.privateKey),
  };
}

describe('who may redeem', () => {
  let redemption: Redemption;
  let host: DocumentHost;
  let key: IdJagKey;
  const at = (name: string) => host.at(`https://client.example/${name}.json`);

  beforeAll(async () => {
    host = await startDocumentHost(['client.example']);
    key = await createIdJagKey('client');
    const jwks = { keys: [key.publicKey] };
    redemption = await startRedemption({
      clients: [
        { client_id: 'with-key', jwks, grant_types: [jwtBearer] },
        { client_id: 'basic', client_secret: 'a secret in a header', grant_types: [jwtBearer] },
        { client_id: 'people', client_secret: 'a secret of an app', redirect_uris: ['https://app.example/cb'] },
      ],
      options: {
        outbound: host.outbound,
        async loadClient(client_id) {
          const grant_types = ['authorization_code', jwtBearer, 'client_credentials'];
          if (client_id === 'loaded-public')
            return { client_id, redirect_uris: ['https://app.example/cb'], grant_types };
          const client_secret = 'a secret of the database';
          return client_id === 'loaded' ? { client_id, client_secret, grant_types: [jwtBearer] } : undefined;
        },
      },
    });
    const grant_types = ['authorization_code', jwtBearer];
    host.serve(
      at('with-key'),
      soundDocument(at('with-key'), { grant_types, token_endpoint_auth_method: 'private_key_jwt', jwks }),
    );
    host.serve(at('public'), soundDocument(at('public'), { grant_types }));
    const both = { token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'] };
    host.serve(
      at('both'),
      soundDocument(at('both'), { grant_types, token_endpoint_auth_method: 'private_key_jwt', jwks, ...both }),
    );
  });
  afterAll(async () => {
    await redemption.close();
    await host.close();
  });

  const redeem = async (clientId: string, authentication: Parameters, headers: Record<string, string> = {}) =>
    postForm(
      `${redemption.gateway.url}/oauth/token`,
      {
        grant_type: jwtBearer,
        assertion: await redemption.idp.assertion({ claims: { client_id: clientId } }),
        ...authentication,
      },
      headers,
    );
  const withKey = (clientId: string) => clientAssertion(clientId, redemption.gateway.url, key);

  it('a configured client with a secret in the header or the body, or with a key', async () => {
    const answers = [
      await redeem('basic', {}, basic('basic', 'a secret in a header')),
      await redeem('agent', agent),
      await redeem('with-key', await withKey('with-key')),
    ];
    expect(answers.map(outcome)).toEqual([
      [200, 'Bearer'],
      [200, 'Bearer'],
      [200, 'Bearer'],
    ]);
  });

  it('a client of the app’s own', async () => {
    const answer = await redeem('loaded', { client_id: 'loaded', client_secret: 'a secret of the database' });
    expect(outcome(answer)).toEqual([200, 'Bearer']);
  });

  it('no client of the app’s own without authentication, whatever its grants say', async () => {
    const asked = [
      await redeem('loaded-public', { client_id: 'loaded-public' }),
      await redeem('loaded-public', { client_id: 'loaded-public', grant_type: 'client_credentials' }),
    ];
    const description = 'requested grant type is not allowed for this client';
    expect(asked.map(({ json }) => json?.error_description)).toEqual([description, description]);
  });

  it('a client by its metadata document, with a key (MCP EMA section 5)', async () => {
    const answer = await redeem(at('with-key'), await withKey(at('with-key')));
    expect(outcome(answer)).toEqual([200, 'Bearer']);
    const user = await callWith(redemption.gateway.url, answer);
    expect(user.json).toMatchObject({ sub: 'alice', data: { clientId: at('with-key') } });
  });

  it('no client by a metadata document without a key, not even one that has a key and does not use it', async () => {
    for (const name of ['public', 'both']) {
      const answer = await redeem(at(name), { client_id: at(name) });
      expect([answer.status, answer.json?.error_description]).toEqual([
        400,
        'requested grant type is not allowed for this client',
      ]);
    }
    expect(outcome(await redeem(at('both'), await withKey(at('both'))))).toEqual([200, 'Bearer']);
  });

  it('no configured client whose grants do not name it', async () => {
    const answer = await redeem('people', { client_id: 'people', client_secret: 'a secret of an app' });
    expect(answer.json?.error_description).toBe('requested grant type is not allowed for this client');
  });

  it('none of them in a browser: a client of these grants alone has no redirect URI', async () => {
    const query = new URLSearchParams({
      client_id: 'agent',
      response_type: 'code',
      redirect_uri: 'https://app.example/cb',
    });
    const answer = await send(`${redemption.gateway.url}/oauth/authorize?${query}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });
});

describe('with allowPublicClients', () => {
  let redemption: Redemption;
  let host: DocumentHost;

  beforeAll(async () => {
    host = await startDocumentHost(['client.example']);
    redemption = await startRedemption({
      idJag: { allowPublicClients: true },
      clients: [{ client_id: 'public', grant_types: [jwtBearer] }],
      options: { outbound: host.outbound },
    });
  });
  afterAll(async () => {
    await redemption.close();
    await host.close();
  });

  it('clients without authentication may redeem what is theirs', async () => {
    const id = host.at('https://client.example/public.json');
    host.serve(id, soundDocument(id, { grant_types: ['authorization_code', jwtBearer] }));
    for (const clientId of ['public', id]) {
      const as = { client_id: clientId, client_secret: undefined };
      const own = await redemption.idp.assertion({ claims: { client_id: clientId } });
      expect(outcome(await redemption.present(own, as))).toEqual([200, 'Bearer']);
      expect(outcome(await redemption.present(await redemption.idp.assertion(), as))).toEqual([400, 'invalid_grant']);
    }
  });
});

describe.each(['opaque', 'jwt'] as const)('with DPoP and %s tokens', (accessTokenFormat) => {
  let redemption: Redemption;
  beforeAll(async () => {
    redemption = await startRedemption({ options: { gateway: { dpop: true, accessTokenFormat } } });
  });
  afterAll(() => redemption.close());

  it('an assertion bound to a key needs a proof of it, and gives a token bound to it (RFC 9449 section 5)', async () => {
    const [key, other] = [await createDpopKey(), await createDpopKey()];
    const { gateway, idp } = redemption;
    const url = `${gateway.url}/oauth/token`;
    const cnf = { jkt: await calculateJwkThumbprint(key.jwk) };
    const redeem = async (bound: object | undefined, holder?: typeof key) => {
      const assertion = await idp.assertion({ claims: { cnf: bound } });
      const headers: Record<string, string> = holder ? { dpop: await holder.proof({ method: 'POST', url }) } : {};
      return gateway.observe(() => postForm(url, { ...agent, grant_type: jwtBearer, assertion }, headers));
    };
    const reasonOf = async (bound: object | undefined, holder?: typeof key) => (await redeem(bound, holder)).events;
    expect(await reasonOf(cnf)).toEqual(['token.refused: invalid_grant: id_jag: proof_missing']);
    expect(await reasonOf(cnf, other)).toEqual(['token.refused: invalid_grant: id_jag: proof_of_other_key']);
    expect(await reasonOf({ ...cnf, 'x5t#S256': 'x' }, key)).toEqual([
      'token.refused: invalid_grant: id_jag: confirmation_unsupported',
    ]);

    for (const bound of [cnf, undefined]) {
      const { answer } = await redeem(bound, key);
      expect(outcome(answer)).toEqual([200, 'DPoP']);
      const token = String(answer.json?.access_token);
      const resource = `${gateway.url}/mcp`;
      const proof = await key.proof({ method: 'GET', url: resource, token });
      expect((await send(resource, { headers: { authorization: `DPoP ${token}`, dpop: proof } })).status).toBe(200);
      expect((await callWith(gateway.url, answer)).status).toBe(401); // As Bearer.
    }
  });
});
