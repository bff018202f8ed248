import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memoryStorage, type Storage } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient } from '../helpers/oauth-client.ts';

const writing = ['put', 'create', 'replace', 'increment'] as const;

/** Everything that was ever written: kinds, ids, values, indexes and grants. */
const written: string[] = [];
/** What a reader of the store must not learn, by what it is. */
const secrets: Record<string, string> = {};
let gateway: Gateway;

function recordingStorage(): Storage {
  const storage = memoryStorage();
  for (const method of writing) {
    const original = storage[method] as (...parameters: unknown[]) => Promise<unknown>;
    const recording = (...parameters: unknown[]) => {
      written.push(JSON.stringify(parameters));
      return original(...parameters);
    };
    Object.assign(storage, { [method]: recording });
  }
  const { commit } = storage;
  storage.commit = async (deciding, others) => {
    for (const { kind, id, ...rest } of [deciding, ...others]) written.push(JSON.stringify([kind, id, rest]));
    return commit?.(deciding, others) ?? false;
  };
  return storage;
}

beforeAll(async () => {
  gateway = await startGateway({
    options: () => ({ storage: recordingStorage() }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({ ok: true })),
  });
  const client = await createOAuthClient(gateway.url, { token_endpoint_auth_method: 'client_secret_post' });
  const browser = createBrowser();
  const page = await client.authorize(browser);
  const { code = '' } = callbackOf(page);
  const first = (await client.redeem(code)).json ?? {};
  const second = (await client.refresh(String(first.refresh_token))).json ?? {};
  await fetch(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${second.access_token}` } });
  Object.assign(secrets, {
    'client secret': client.clientSecret,
    code,
    'access token': first.access_token,
    'refresh token': first.refresh_token,
    'rotated access token': second.access_token,
    'rotated refresh token': second.refresh_token,
    'PKCE verifier': client.verifier,
  });
  // An interaction's id stands in its page's URL; that the browser is the right one, its signature proves.
  const cookies = browser.cookies().filter(({ name }) => name !== 'mcp_interaction');
  for (const { name, value } of cookies) secrets[`cookie ${name}`] = value;
});
afterAll(() => gateway.close());

test('the flow went all the way, and left records of each kind', () => {
  expect(Object.keys(secrets)).toEqual(expect.arrayContaining(['cookie mcp_interaction.sig', 'refresh token', 'code']));
  expect(Object.values(secrets).filter((secret) => typeof secret !== 'string' || secret.length < 20)).toEqual([]);
  const kinds = written.map((text) => (JSON.parse(text) as unknown[])[0]);
  expect(kinds).toEqual(
    expect.arrayContaining([
      'Client',
      'Session',
      'Interaction',
      'Grant',
      'AuthorizationCode',
      'AccessToken',
      'RefreshToken',
      'RefreshAnswer',
    ]),
  );
});

test('no token, code, secret or cookie of it ever stands in the store in plain text (DESIGN 5)', () => {
  const all = written.join('\n');
  const found = Object.entries(secrets).filter(([, secret]) => all.includes(secret));
  expect(found.map(([what]) => what)).toEqual([]);
});

test('ids are short text without anything of a caller, under the issuer', () => {
  const ids = written
    .map((text) => JSON.parse(text) as [string, unknown])
    .filter(([, id]) => typeof id === 'string')
    .map(([, id]) => String(id));
  expect(ids.length).toBeGreaterThan(10);
  expect(ids.filter((id) => !/^[\w:.-]{1,128}$/.test(id))).toEqual([]);
});
