/** PKCE: no challenge, a downgrade to plain, malformed challenges and methods, wrong or missing verifiers */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callbackOf, createOAuthClient, type OAuthClient, type Parameters, postForm } from '../helpers/oauth-client.ts';
import { startTarget, type Target } from './support.ts';

let target: Target;
let confidential: OAuthClient;
beforeAll(async () => {
  target = await startTarget();
  confidential = await createOAuthClient(target.url, {
    redirect_uris: ['http://127.0.0.1:1/callback'],
    token_endpoint_auth_method: 'client_secret_basic',
  });
});
afterAll(() => target.close());

const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');
const challenge = s256('x'.repeat(43));

/** No code, and nobody is asked to approve. */
async function expectRefused(asked: Parameters, client = target.client): Promise<void> {
  const page = await target.browser().get(client.authorizeUrl(asked));
  expect(page.forms).toEqual([]);
  expect(callbackOf(page).code).toBeUndefined();
  expect(callbackOf(page)).toMatchObject({ error: 'invalid_request', iss: target.url });
}

describe('an authorization request without a proper challenge is refused (OAuth 2.1 section 4.1.1, RFC 9700 section 2.1.1)', () => {
  const cases: [string, Parameters][] = [
    ['without challenge and method', { code_challenge: undefined, code_challenge_method: undefined }],
    ['without challenge', { code_challenge: undefined }],
    ['with an empty challenge', { code_challenge: '' }],
    ['without method, which would mean plain (RFC 7636 section 4.3)', { code_challenge_method: undefined }],
    ['with an empty method', { code_challenge_method: '' }],
    ['with plain', { code_challenge_method: 'plain', code_challenge: 'x'.repeat(43) }],
    ['with PLAIN', { code_challenge_method: 'PLAIN' }],
    ['with s256 in lower case', { code_challenge_method: 's256' }],
    ['with S256 and a space', { code_challenge_method: 'S256 ' }],
    ['with S512', { code_challenge_method: 'S512' }],
    ['with none', { code_challenge_method: 'none' }],
    ['with a method of prototypes', { code_challenge_method: '__proto__' }],
    ['with a method of members', { code_challenge_method: 'toString' }],
    ['with two methods', { code_challenge_method: ['S256', 'plain'] }],
    ['with two challenges', { code_challenge: [challenge, s256('other')] }],
    ['with a short challenge', { code_challenge: challenge.slice(1) }],
    ['with a long challenge', { code_challenge: 'x'.repeat(129) }],
    ['with padding', { code_challenge: `${challenge}=` }],
    ['with characters of base64', { code_challenge: `${challenge.slice(2)}+/` }],
    ['with a line break', { code_challenge: `${challenge.slice(1)}\n` }],
    ['with a list', { code_challenge: undefined, 'code_challenge[]': challenge }],
  ];
  it.each(cases)('%s', (_what, asked) => expectRefused(asked));
  it.each(cases.slice(0, 6))('%s, of a client with a secret too', (_what, asked) => expectRefused(asked, confidential));

  it.each(cases.slice(0, 6))('%s, when pushed ahead (RFC 9126)', async (_what, asked) => {
    const parameters = Object.fromEntries(new URL(target.client.authorizeUrl(asked)).searchParams);
    const answer = await postForm(`${target.url}/oauth/par`, parameters);
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_request']);
  });
});

describe('a code is worth nothing without its verifier (RFC 7636 section 4.6)', () => {
  const proper = () => target.client.verifier;
  it.each<[string, () => Parameters]>([
    ['none', () => ({ code_verifier: undefined })],
    ['an empty one', () => ({ code_verifier: '' })],
    ['another one', () => ({ code_verifier: randomBytes(32).toString('base64url') })],
    ['the challenge itself', () => ({ code_verifier: s256(proper()) })],
    ['one in other case', () => ({ code_verifier: proper().toUpperCase() })],
    ['one with a character more', () => ({ code_verifier: `${proper()}x` })],
    ['one with a character less', () => ({ code_verifier: proper().slice(1) })],
    ['one with a space', () => ({ code_verifier: ` ${proper()}` })],
    ['one with NUL', () => ({ code_verifier: `${proper()}\0` })],
    ['one that is too short', () => ({ code_verifier: 'x'.repeat(42) })],
    ['one that is too long', () => ({ code_verifier: 'x'.repeat(129) })],
    ['one with forbidden characters', () => ({ code_verifier: `${'x'.repeat(43)}!` })],
    ['two', () => ({ code_verifier: [proper(), proper()] })],
    ['a second, wrong one', () => ({ code_verifier: [proper(), 'y'.repeat(43)] })],
    ['one under another name', () => ({ code_verifier: undefined, 'code_verifier[]': proper() })],
    ['a new challenge at the token endpoint', () => ({ code_verifier: 'x'.repeat(43), code_challenge: challenge })],
    ['a method at the token endpoint', () => ({ code_verifier: s256(proper()), code_challenge_method: 'plain' })],
  ])('%s', async (_what, sent) => {
    const code = await target.code();
    const refused = await target.client.redeem(code, sent());
    expect([refused.status, refused.json?.access_token]).toEqual([400, undefined]);
    expect(['invalid_grant', 'invalid_request']).toContain(refused.json?.error);
  });

  it('also where the client proves itself by a secret (GHSA-qgp8-v765-qxx9)', async () => {
    const code = await target.code({ client: confidential });
    for (const code_verifier of [undefined, '', 'y'.repeat(43)])
      expect((await confidential.redeem(code, { code_verifier })).status).toBe(400);
  });

  it('the code of one login is not redeemed with the verifier of another (code injection)', async () => {
    const other = await createOAuthClient(target.url);
    const code = await target.code();
    const answer = await target.client.redeem(code, { code_verifier: other.verifier });
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_grant']);
  });

  it('a verifier in the query is not read (RFC 6749 section 2.3.1)', async () => {
    const { client } = target;
    const code = await target.code();
    const answer = await postForm(`${target.url}/oauth/token?code_verifier=${client.verifier}`, {
      grant_type: 'authorization_code',
      client_id: client.clientId,
      code,
      redirect_uri: client.redirectUri,
    });
    expect(answer.status).toBe(400);
  });
});
