import { describe, expect, test } from '@jest/globals';
import { normalizeRegistration } from '../../lib/clients/registration.ts';

const redirect_uris = ['https://client.example/cb'];

function normalized(body: Record<string, unknown>): Record<string, unknown> {
  return normalizeRegistration({ redirect_uris, ...body }).metadata;
}

describe('a registration body', () => {
  test('with redirect URIs alone is a public web client with code and refresh tokens', () => {
    expect(normalizeRegistration({ redirect_uris })).toEqual({
      metadata: {
        redirect_uris,
        application_type: 'web',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      problem: undefined,
    });
  });

  test('is not changed, and what is wrong with it is told', () => {
    const body = { redirect_uris: ['http://evil.example/cb'], scope: 'a', client_name: ' A ', extra: null };
    const before = structuredClone(body);
    expect(normalizeRegistration(body).problem).toEqual({
      reason: 'redirect_uri',
      index: 0,
      problem: 'http_not_loopback',
    });
    expect(body).toEqual(before);
  });

  test("is held to the operator's redirect policy", () => {
    const body = { redirect_uris: ['acme-app://cb'] };
    expect(normalizeRegistration(body, { allowedSchemes: ['acme-app'] }).problem).toBeUndefined();
    expect(normalizeRegistration(body, { allowRedirect: () => false }).problem).toMatchObject({
      problem: 'scheme_unknown',
    });
  });

  test('may name a redirect URI twice: it is registered once', () => {
    expect(normalized({ redirect_uris: [...redirect_uris, ...redirect_uris] })).toMatchObject({ redirect_uris });
  });
});

describe('members without meaning are dropped, not refused (RFC 7591 section 3.1)', () => {
  test.each([
    'client_name',
    'client_uri',
    'logo_uri',
    'policy_uri',
    'tos_uri',
    'software_id',
    'software_version',
    'contacts',
  ])('%s as null, empty text, number, list, object or far too long text', (name) => {
    const plain = normalized({});
    for (const value of [null, '', '   ', 5, ['x\u0000'], {}, true])
      expect(normalized({ [name]: value })).toEqual(plain);
    if (name !== 'client_name') expect(normalized({ [name]: 'x'.repeat(10_000) })).toEqual(plain);
  });

  test('unknown ones, and those that only a server sets', () => {
    const body = {
      client_id: 'chosen',
      client_secret: 'chosen',
      client_id_issued_at: 1,
      registration_access_token: 'x',
      scope: 'mcp:tools unknown',
      subject_type: 'pairwise',
      sector_identifier_uri: 'https://client.example/sector',
      id_token_signed_response_alg: 'none',
      post_logout_redirect_uris: ['javascript:1'],
      require_auth_time: true,
      default_max_age: 1,
      __proto__: { isAdmin: true },
      'x-unknown': { deep: true },
    };
    expect(normalized(body)).toEqual(normalized({}));
  });

  test('URLs for display that are no web pages (CWE-79)', () => {
    const bad = ['javascript:alert(1)', 'data:text/html,x', 'https://user:pass@client.example', '/logo.png', 'ftp://x'];
    for (const logo_uri of bad) expect(normalized({ logo_uri })).toEqual(normalized({}));
    expect(normalized({ logo_uri: 'https://client.example/logo.png' })).toMatchObject({
      logo_uri: 'https://client.example/logo.png',
    });
  });

  test('contacts that are no email addresses, and all after the tenth', () => {
    const contacts = Array.from({ length: 12 }, (_, index) => `dev${index}@client.example`);
    expect(normalized({ contacts: ['https://client.example', null, ...contacts] })).toMatchObject({
      contacts: contacts.slice(0, 10),
    });
    expect(normalized({ contacts: ['not an address', 5] })).toEqual(normalized({}));
  });
});

describe('the authentication method', () => {
  test.each(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])('may be %s', (method) => {
    expect(normalized({ token_endpoint_auth_method: method })).toMatchObject({ token_endpoint_auth_method: method });
  });

  test.each([undefined, null, '', 5, ['client_secret_basic'], 'client_secret_jwt', 'tls_client_auth', 'toString'])(
    'is none for %j: a public client with PKCE',
    (method) => {
      expect(normalized({ token_endpoint_auth_method: method })).toEqual(normalized({}));
    },
  );

  test('brings its keys along with private_key_jwt and with nothing else', () => {
    const keys = {
      jwks: { keys: [{ kty: 'EC', kid: 'one' }] },
      jwks_uri: 'https://client.example/jwks',
      token_endpoint_auth_signing_alg: 'ES256',
    };
    expect(normalized({ ...keys, token_endpoint_auth_method: 'private_key_jwt' })).toMatchObject(keys);
    expect(normalized({ ...keys, token_endpoint_auth_method: 'none' })).toEqual(normalized({}));
    const empty = { jwks: null, jwks_uri: '', token_endpoint_auth_method: 'private_key_jwt' };
    expect(normalized(empty)).toEqual(normalized({ token_endpoint_auth_method: 'private_key_jwt' }));
  });

  test('does not bring texts into the store that no store can keep', () => {
    const jwks = { keys: [{ kid: 'a\u0000b', alg: '\ud800', kty: 'EC', 'n\u0000': 1 }] };
    expect(normalized({ jwks, token_endpoint_auth_method: 'private_key_jwt' }).jwks).toEqual({
      keys: [{ kty: 'EC' }],
    });
  });
});
