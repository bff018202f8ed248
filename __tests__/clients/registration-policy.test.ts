import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError, mcpOAuth, memoryStorage, type RegistrationOptions } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Answer, createOAuthClient, register, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { createDocumentClient, redirectUri, soundDocument } from './document-client.ts';

let gateway: ObservedGateway;
afterEach(() => gateway.close());

async function start(registration: RegistrationOptions, pinned = {}): Promise<void> {
  gateway = await startObservedGateway({ options: () => ({ registration, cimd: { pinned } }) });
}

const attempt = (uris: readonly string[], headers: Record<string, string> = {}) =>
  gateway.observe(() => register(gateway.url, { redirect_uris: uris }, headers));
const outcome = ({ status, json }: Answer) => [status, json?.error];

describe('initialAccessToken', () => {
  const token = 'for-registered-developers';
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

  it('lets those register that know it, and their clients come to tokens (RFC 7591 section 3)', async () => {
    await start({ initialAccessToken: token });
    const { answer, writes } = await attempt(['http://127.0.0.1/callback'], bearer(token));
    expect([answer.status, writes]).toEqual([201, ['put Client']]);

    const id = String(answer.json?.client_id);
    const page = await createDocumentClient(gateway.url, id).ask({ redirect_uri: 'http://127.0.0.1:50000/callback' });
    expect(page.status).toBe(200);
  });

  it.each([
    ['no token', {}, [401, 'invalid_token']],
    ['another token', bearer('another-token-of-theirs'), [401, 'invalid_token']],
    ['a longer token', bearer(`${token}x`), [401, 'invalid_token']],
    ['an empty token', bearer(''), [400, 'invalid_request']],
    ['another scheme', { authorization: `Basic ${token}` }, [400, 'invalid_request']],
  ])('refuses %s, and stores nothing (RFC 6750 section 3)', async (_what, headers, expected) => {
    await start({ initialAccessToken: token });

    const { answer, writes } = await attempt([redirectUri], headers);

    expect(outcome(answer)).toEqual(expected);
    // A challenge belongs to a 401 (RFC 9110 section 11.6.1).
    expect(answer.headers.has('www-authenticate')).toBe(answer.status === 401);
    expect(writes).toEqual([]);
    expect(answer.text).not.toContain(token);
  });

  it('does not go into the metadata or its errors', async () => {
    await start({ initialAccessToken: token });

    expect((await send(`${gateway.url}/.well-known/oauth-authorization-server`)).text).not.toContain(token);
  });
});

describe('allowedSchemes', () => {
  it('admits a private-use scheme without a dot, through registration, approval and redirect (RFC 8252 section 7.1)', async () => {
    await start({ allowedSchemes: ['acme-app'] });

    const client = await createOAuthClient(gateway.url, { redirect_uris: ['acme-app://callback'] });

    expect(await client.login(createBrowser())).toMatch(/^[\w-]{22,}$/);
  });

  it('admits no other one, and names which URI it was', async () => {
    await start({ allowedSchemes: ['acme-app'] });

    const { answer, events, writes } = await attempt(['acme-app://callback', 'other-app://callback']);

    expect(outcome(answer)).toEqual([400, 'invalid_redirect_uri']);
    expect(answer.json?.error_description).toBe('redirect_uris[1] is not allowed: scheme_unknown');
    expect(events[0]).toContain('redirect_uris[1] is not allowed: scheme_unknown');
    expect(writes).toEqual([]);
  });

  it.each(['javascript', 'data', 'file', 'vbscript', 'intent'])('cannot admit %s (CWE-79)', async (scheme) => {
    await start({ allowedSchemes: [scheme] });

    expect(outcome((await attempt([`${scheme}:alert(1)`])).answer)).toEqual([400, 'invalid_redirect_uri']);
  });

  it.each(['http', 'https'])('refuses %s at start', async (scheme) => {
    await start({});
    const browserLogin = { url: `${gateway.url}/oauth/dev-login` };
    const registration = { allowedSchemes: [scheme] };

    expect(() => mcpOAuth({ issuer: gateway.url, browserLogin, storage: memoryStorage(), registration })).toThrow(
      ConfigurationError,
    );
  });
});

describe('allowRedirect', () => {
  const ours = (uri: string) => new URL(uri).hostname.endsWith('.example');

  it('has the last word at registration', async () => {
    await start({ allowRedirect: ours });

    expect((await attempt([redirectUri])).answer.status).toBe(201);
    const { answer, writes } = await attempt([redirectUri, 'https://elsewhere.test/callback']);
    expect(answer.json?.error_description).toBe('redirect_uris[1] is not allowed: not_allowed');
    expect(writes).toEqual([]);
  });

  it('has it at each authorization, too: a client from before the rule is stopped (tableau-mcp#866)', async () => {
    let rule = (_uri: string) => true;
    await start({ allowRedirect: (uri) => rule(uri) });
    const client = await createOAuthClient(gateway.url, { redirect_uris: ['https://elsewhere.test/callback'] });
    const open = () =>
      gateway.observe(() =>
        createBrowser().get(client.authorizeUrl(), { stopAt: (url) => !url.startsWith(gateway.url) }),
      );
    expect((await open()).answer.status).toBe(200);
    rule = ours;

    const { answer, events } = await open();

    expect([answer.status, answer.location]).toEqual([400, undefined]);
    expect(answer.forms).toEqual([]);
    expect(events).toEqual(['authorization.refused: interaction: redirect URI is not allowed']);
  });

  it('stops a decision that was open when the rule changed', async () => {
    let rule = (_uri: string) => true;
    await start({ allowRedirect: (uri) => rule(uri) });
    const client = await createOAuthClient(gateway.url, { redirect_uris: ['https://elsewhere.test/callback'] });
    const browser = createBrowser({ stopAt: (url) => !url.startsWith(gateway.url) });
    const page = await browser.get(client.authorizeUrl());
    rule = ours;

    const decided = await browser.submit(page, 'csrf', { decision: 'approve' });

    expect([decided.status, decided.location]).toEqual([400, undefined]);
  });

  it('has it over metadata documents', async () => {
    const id = 'https://client.example/client.json';
    const document = soundDocument(id, { redirect_uris: ['https://elsewhere.test/callback'] });
    await start({ allowRedirect: ours }, { [id]: document });

    const page = await createDocumentClient(gateway.url, id).ask({ redirect_uri: 'https://elsewhere.test/callback' });

    expect([page.status, page.location]).toEqual([400, undefined]);
  });

  it('cannot admit what is refused by kind (RFC 9700 section 4.1)', async () => {
    await start({ allowRedirect: () => true });

    for (const uri of ['http://client.example/callback', 'javascript:alert(1)', 'https://*.example/callback'])
      expect(outcome((await attempt([uri])).answer)).toEqual([400, 'invalid_redirect_uri']);
  });

  it('counts as a refusal where it answers anything but true', async () => {
    await start({ allowRedirect: (() => 'yes') as unknown as (uri: string) => boolean });

    expect(outcome((await attempt([redirectUri])).answer)).toEqual([400, 'invalid_redirect_uri']);
  });
});
