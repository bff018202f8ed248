import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { callbackOf } from '../helpers/oauth-client.ts';
import { type Federation, failure, keptRecords, startFederation } from './support.ts';

const MARKUP = '<script>alert(1)</script>';
const UNFINISHED = 'the sign-in was not completed';
const UNVERIFIED = 'the sign-in could not be verified';

let federation: Federation;
beforeAll(async () => {
  federation = await startFederation();
});
afterEach(() => federation.reset());
afterAll(() => federation.close());

describe('an error that the identity provider sends back with the browser', () => {
  it.each(['access_denied', 'interaction_required', 'login_required', 'temporarily_unavailable'])(
    'reaches the client as it is: %s (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6)',
    async (error) => {
      federation.idp.misbehave.authorize = { error, error_description: MARKUP, error_uri: 'https://attacker.example/' };
      const observed = await federation.gateway.observe(() => federation.login());

      expect(observed.answer).toEqual(failure(federation, error, UNFINISHED));
      expect(keptRecords(observed)).toEqual([]);
      expect(observed.events).toContain(`login.failed: refused_by_provider: ${error}`);
    },
  );

  it.each([
    'server_error',
    'invalid_scope',
    'invalid_request',
    'unauthorized_client',
    'consent_required',
    'account_selection_required',
    MARKUP,
  ])('reaches the client as access_denied: %s (RFC 6749 section 4.1.2.1)', async (error) => {
    federation.idp.misbehave.authorize = { error, error_description: MARKUP };
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, 'access_denied', UNFINISHED));
    expect(keptRecords(observed)).toEqual([]);
    expect(observed.events).toContain(`login.failed: refused_by_provider: ${error}`);
  });

  it.each([
    ['a line of its own', 'access_denied\nlogin.succeeded'],
    ['terminal codes', 'access_denied\u001b[2J'],
    ['kilobytes', 'x'.repeat(4_000)],
    ['characters outside of RFC 6749', 'zugriff_verweigert_ä'],
  ])('cannot write into the operator’s log: %s (CWE-117, RFC 6749 section 4.1.2.1)', async (_name, error) => {
    federation.idp.misbehave.authorize = { error };
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, 'access_denied', UNFINISHED));
    expect(observed.events).toEqual([
      'login.started',
      'login.failed: refused_by_provider: malformed error code',
      `authorization.refused: access_denied: ${UNFINISHED}`,
    ]);
  });

  it('is access_denied where the person cancels there (OpenID Connect Core section 3.1.2.6)', async () => {
    const browser = federation.browser();
    const page = await federation.approve(browser);
    const cancelled = await browser.submit(page, 'login', { action: 'cancel' });

    expect(callbackOf(cancelled)).toEqual(failure(federation, 'access_denied', UNFINISHED));
  });

  it('leaves the person free to try again (RFC 6749 section 4.1.2.1)', async () => {
    federation.idp.misbehave.authorize = { error: 'access_denied' };
    const browser = federation.browser();
    expect((await federation.login(browser)).error).toBe('access_denied');
    federation.idp.behave();

    expect((await federation.userOf((await federation.login(browser)).code)).sub).toBe('alice');
  });

  it('comes from a provider that is told apart: another iss beside the error counts for nothing (RFC 9207 section 2.4)', async () => {
    federation.idp.misbehave.authorize = { error: 'access_denied', iss: 'https://attacker.example' };
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, 'server_error', UNVERIFIED));
    expect(observed.events).toContain('login.failed: provider_answer_invalid: invalid response encountered');
  });
});

describe('an error of the token endpoint', () => {
  it('is ours, not the client’s: a wrong secret is server_error (RFC 6749 section 5.2)', async () => {
    const misconfigured = await startFederation({
      options: () => ({ browserLogin: { clientSecret: 'not the secret of this client' } }),
    });
    try {
      const observed = await misconfigured.gateway.observe(() => misconfigured.login());
      expect(observed.answer).toEqual(failure(misconfigured, 'server_error', UNVERIFIED));
      expect(keptRecords(observed)).toEqual([]);
      expect(observed.events).toContain('login.failed: provider_refused_code: invalid_client');
    } finally {
      await misconfigured.close();
    }
  });

  it.each<[string, (body: Record<string, unknown>) => Record<string, unknown>]>([
    ['no access token', ({ access_token: _, ...body }) => body],
    ['another token type', (body) => ({ ...body, token_type: 'mac' })],
    ['no object', () => [] as never],
    ['null', () => null as never],
  ])('is found in a good status as well: %s (RFC 6749 section 5.1)', async (_name, rewrite) => {
    federation.idp.misbehave.token = rewrite;
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, 'server_error', UNVERIFIED));
    expect(keptRecords(observed)).toEqual([]);
    expect(observed.events[1]).toMatch(/^login\.failed: provider_answer_invalid: /);
  });
});

describe('a discovery document', () => {
  it.each<[string, (body: Record<string, unknown>) => Record<string, unknown>]>([
    ['of another issuer', (body) => ({ ...body, issuer: 'https://attacker.example' })],
    ['without a token endpoint', ({ token_endpoint: _, ...body }) => body],
    ['without a key set', ({ jwks_uri: _, ...body }) => body],
    ['whose key set is no URL', (body) => ({ ...body, jwks_uri: 'keys' })],
    ['whose authorization endpoint is no URL', (body) => ({ ...body, authorization_endpoint: 'authorize' })],
  ])('is not believed: %s (OpenID Connect Discovery 1.0 section 4.3)', async (_name, rewrite) => {
    const lied = await startFederation();
    try {
      lied.idp.misbehave.discovery = rewrite;
      const observed = await lied.gateway.observe(() => lied.login());
      expect(observed.answer).toEqual(failure(lied, 'server_error', UNVERIFIED));
      expect(observed.events[0]).toMatch(/^login\.failed: provider_answer_invalid: /);
      expect(lied.idp.requests.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration']);
    } finally {
      await lied.close();
    }
  });

  it.each([
    ['http://127.0.0.2:9', 'address_refused'],
    ['http://10.0.0.1', 'address_refused'],
    ['http://169.254.169.254', 'address_refused'],
    ['https://[::1]', 'address_refused'],
  ])('cannot send this server to %s (MCP 2026-07-28, Security Best Practices, SSRF)', async (origin, reason) => {
    const lied = await startFederation();
    try {
      lied.idp.misbehave.discovery = (body) => ({ ...body, token_endpoint: `${origin}/token` });
      const observed = await lied.gateway.observe(() => lied.login());
      expect(observed.answer).toHaveProperty('error');
      expect(keptRecords(observed)).toEqual([]);
      expect(observed.events[1]).toBe(`login.failed: provider_unreachable: ${reason}`);
    } finally {
      await lied.close();
    }
  });
});
