import { describe, expect, it } from '@jest/globals';
import { takingIdToken } from '../../lib/federation/token-answer.ts';
import { startProviderClient } from './provider-support.ts';

const json = { 'content-type': 'application/json' };
const challenge = { 'www-authenticate': 'Basic realm="token"' };

/** What openid-client is given to read. */
async function read(body: unknown, init: ResponseInit): Promise<{ status: number; body: unknown; challenge: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const fetch = takingIdToken(async () => new Response(text, init), {});
  const response = await fetch('https://idp.example/token', {} as never);
  const given = await response.text();
  const challenged = response.headers.get('www-authenticate');
  return { status: response.status, body: typeof body === 'string' ? given : JSON.parse(given), challenge: challenged };
}

describe('a token answer that refuses', () => {
  it.each<[string, object, object, number]>([
    ['beside a challenge (RFC 6749 section 5.2)', { error: 'invalid_grant' }, challenge, 401],
    ['as Okta’s API names it', { errorCode: 'invalid_grant', errorSummary: 'a long story' }, {}, 401],
  ])('says why by its body: %s', async (_name, body, headers, status) => {
    const answer = await read(body, { status, headers: { ...json, ...headers } });
    expect(answer).toEqual({ status, body: { error: 'invalid_grant' }, challenge: null });
  });

  it.each<[string, unknown, number]>([
    ['no JSON', '<h1>Unauthorized</h1>', 401],
    ['null', null, 400],
    ['an error that is no text', { error: { code: 7 } }, 400],
    ['an outage', { error: 'server_error' }, 503],
  ])('is left as it is where it says nothing: %s', async (_name, body, status) => {
    const init = { status, headers: { ...json, ...challenge } };
    expect(await read(body, init)).toEqual({ status, body, challenge: challenge['www-authenticate'] });
  });

  it('names a wrong secret in a Basic header, which is answered with a challenge', async () => {
    const client = await startProviderClient();
    try {
      const wrong = { clientAuthMethod: 'client_secret_basic', clientSecret: 'another' } as const;
      await expect(client.signIn({ browserLogin: wrong })).rejects.toThrow('provider_refused_code: invalid_client');
    } finally {
      await client.close();
    }
  });
});
