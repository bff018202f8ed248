import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, register } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

const redirectUris = ['https://client.example/callback'];
const bothGrants = ['authorization_code', 'refresh_token'];

let gateway: ObservedGateway;
beforeAll(async () => {
  gateway = await startObservedGateway();
});
afterAll(() => gateway.close());

const attempt = (metadata: unknown) => gateway.observe(() => register(gateway.url, metadata));

/** Registers, and finds one client stored and announced. */
async function accepted(metadata: unknown): Promise<Answer & { json: Record<string, unknown> }> {
  const { answer, events, writes } = await attempt(metadata);
  expect({ status: answer.status, events, writes }).toEqual({
    status: 201,
    events: ['client.registered'],
    writes: ['put Client'],
  });
  return answer as Answer & { json: Record<string, unknown> };
}

describe('what real clients send', () => {
  it.each([
    {
      client: 'Claude Code, loopback with a port',
      body: {
        client_name: 'Claude Code (gateway)',
        redirect_uris: ['http://localhost:54545/callback'],
        grant_types: bothGrants,
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    },
    {
      client: 'Cursor, private-use scheme though it says web',
      body: {
        client_name: 'Cursor',
        application_type: 'web',
        redirect_uris: ['cursor://anysphere.cursor-mcp/oauth/callback'],
        grant_types: bothGrants,
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    },
    {
      client: 'VS Code, https beside loopback, and the device grant',
      body: {
        client_name: 'Visual Studio Code',
        client_uri: 'https://code.visualstudio.com',
        application_type: 'native',
        redirect_uris: ['https://vscode.dev/redirect', 'http://127.0.0.1/', 'http://127.0.0.1:33418/'],
        grant_types: [...bothGrants, 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    },
    {
      client: 'the MCP SDK v1, without an authentication method',
      body: {
        client_name: 'SDK v1',
        redirect_uris: ['http://localhost:8090/callback'],
        grant_types: bothGrants,
        response_types: ['code'],
        scope: 'mcp:tools',
      },
    },
    {
      client: 'the MCP SDK v2, with an explicit type and software',
      body: {
        client_name: 'SDK v2',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1:8090/callback'],
        grant_types: bothGrants,
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        software_id: 'sdk-v2',
        software_version: '2.4.0',
      },
    },
  ])('registers $client as a public native client and echoes it (RFC 7591 section 3.2.1)', async ({ body }) => {
    const { json } = await accepted(body);

    const { client_uri, software_id, software_version } = body as Record<string, unknown>;
    expect(json).toMatchObject({
      application_type: 'native',
      client_name: body.client_name,
      redirect_uris: body.redirect_uris,
      grant_types: bothGrants,
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...(client_uri !== undefined && { client_uri }),
      ...(software_id !== undefined && { software_id, software_version }),
    });
    expect(json).not.toHaveProperty('client_secret');
  });

  it('infers web for https alone, and accepts a reverse domain name scheme as native (RFC 8252 section 7)', async () => {
    expect((await accepted({ redirect_uris: redirectUris, application_type: 'native' })).json.application_type).toBe(
      'web',
    );
    expect((await accepted({ redirect_uris: ['com.example.app:/cb'] })).json.application_type).toBe('native');
  });
});

describe('tolerance', () => {
  it('drops nulls, empty strings, unknown members, scopes and grants, and answers without them (RFC 7591 section 2)', async () => {
    const { text, json } = await accepted({
      redirect_uris: redirectUris,
      client_name: null,
      client_uri: '',
      logo_uri: null,
      policy_uri: '',
      scope: 'admin mcp:tools',
      contacts: null,
      jwks: null,
      jwks_uri: null,
      software_id: '',
      software_version: null,
      application_type: null,
      response_types: null,
      token_endpoint_auth_method: null,
      grant_types: ['authorization_code', 'implicit', 'client_credentials'],
      frontchannel_logout_uri: 'https://client.example/out',
      favourite_colour: 'blue',
    });

    expect(text).not.toMatch(/null|colour|frontchannel|jwks|scope|_uri"|software|client_name/);
    expect(json).toMatchObject({ grant_types: ['authorization_code'], response_types: ['code'] });
  });

  it('drops values of a wrong type instead of failing (CWE-843)', async () => {
    const { json } = await accepted({
      redirect_uris: redirectUris,
      client_name: 5,
      grant_types: 'authorization_code',
      response_types: {},
      contacts: 'me',
      scope: ['mcp:tools'],
      token_endpoint_auth_method: {},
      logo_uri: [],
      software_id: {},
    });

    expect(json).toMatchObject({ grant_types: bothGrants, token_endpoint_auth_method: 'none' });
    for (const member of ['client_name', 'contacts', 'logo_uri', 'software_id'])
      expect(json).not.toHaveProperty(member);
  });

  it('keeps the contacts that are email addresses and drops the others (RFC 7591 section 2)', async () => {
    const contacts = ['https://client.example/contact', 'dev@client.example', '\0@client.example'];

    const { json } = await accepted({ redirect_uris: redirectUris, contacts });

    expect(json.contacts).toEqual(['dev@client.example']);
  });

  it('drops display URLs that are not http(s), localised ones too (RFC 7591 section 2.2, CVE-2025-6514)', async () => {
    const { text } = await accepted({
      redirect_uris: redirectUris,
      logo_uri: 'javascript:alert(1)',
      tos_uri: 'data:text/html,x',
      policy_uri: 'https://user:password@client.example/',
      'client_uri#de': 'javascript:alert(1)',
    });

    expect(text).not.toMatch(/javascript|data:|password/);
  });

  it('cuts a name at 200 characters and takes invisible characters out of it (CWE-1007)', async () => {
    const name = `Safe\u202eeman\u200b\0\ud800 ${'x'.repeat(3000)}`;

    const { json } = await accepted({ redirect_uris: redirectUris, client_name: name });

    expect(json.client_name).toBe(`Safeeman ${'x'.repeat(191)}`);
  });

  it('stores no text that a database cannot hold: U+0000 and lone surrogates (CWE-1321)', async () => {
    const { text } = await accepted({
      redirect_uris: redirectUris,
      software_id: 'a\0b',
      software_version: '\ud800',
      client_uri: 'https://client.example/\0',
      contacts: ['a\ud800@client.example'],
    });

    expect(text).not.toMatch(/software|client_uri|contacts/);
  });

  it('ignores a client id, secret, token and software statement of the caller (RFC 7591 section 3.1)', async () => {
    const { json } = await accepted({
      redirect_uris: redirectUris,
      client_id: 'https://chosen.example/client',
      client_secret: 'chosen-secret',
      client_id_issued_at: 1,
      registration_access_token: 'chosen-token',
      software_statement: 'e30.e30.',
    });

    expect(json.client_id).toMatch(/^[\w-]{22,}$/); // At least 128 bits, and never a URL.
    expect(json.client_id_issued_at).toBeGreaterThan(1_700_000_000);
    for (const member of ['client_secret', 'registration_access_token', 'software_statement'])
      expect(json).not.toHaveProperty(member);
  });

  it('ignores members that would make this server fetch or redirect elsewhere (RFC 9700 section 4.11)', async () => {
    const { text, json } = await accepted({
      redirect_uris: redirectUris,
      jwks_uri: 'http://169.254.169.254/',
      sector_identifier_uri: 'http://169.254.169.254/',
      request_uris: ['http://169.254.169.254/'],
      initiate_login_uri: 'javascript:alert(1)',
      post_logout_redirect_uris: ['javascript:alert(1)'],
      backchannel_logout_uri: 'http://169.254.169.254/',
      id_token_signed_response_alg: 'none',
      subject_type: 'pairwise',
    });

    expect(text).not.toMatch(/169\.254|javascript/);
    expect(json).toMatchObject({ id_token_signed_response_alg: 'ES256', subject_type: 'public' });
  });
});

describe('secrets', () => {
  it.each(['client_secret_basic', 'client_secret_post'])(
    'issues one for %s (RFC 7591 section 3.2.1)',
    async (method) => {
      const { json } = await accepted({ redirect_uris: redirectUris, token_endpoint_auth_method: method });

      expect(json).toMatchObject({ token_endpoint_auth_method: method, client_secret_expires_at: 0 });
      expect(json.client_secret).toMatch(/^[\w-]{43,}$/);
    },
  );

  it.each([undefined, 'none', 'client_secret_jwt', 'tls_client_auth'])('issues none for %s', async (method) => {
    const { json } = await accepted({ redirect_uris: redirectUris, token_endpoint_auth_method: method });

    expect(json.token_endpoint_auth_method).toBe('none');
    expect(json).not.toHaveProperty('client_secret');
    expect(json).not.toHaveProperty('client_secret_expires_at');
  });

  it('stores a secret only sealed', async () => {
    const { json } = await accepted({ redirect_uris: redirectUris, token_endpoint_auth_method: 'client_secret_post' });

    expect(gateway.written('Client')).toContain(String(json.client_id));
    expect(gateway.written('Client')).not.toContain(String(json.client_secret));
  });

  it('refuses private_key_jwt without keys, and with symmetric ones (RFC 7523 section 3)', async () => {
    const metadata = { redirect_uris: redirectUris, token_endpoint_auth_method: 'private_key_jwt' };
    for (const jwks of [undefined, { keys: [{ kty: 'oct', k: 'AAAA' }] }]) {
      const { answer, events, writes } = await attempt({ ...metadata, jwks });

      expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_client_metadata' } });
      expect(events).toEqual([expect.stringMatching(/^client\.refused: invalid_client_metadata: /)]);
      expect(writes).toEqual([]);
    }
  });
});

it('answers a registration that no cache keeps and that sets no cookie (RFC 7591 section 3.2.1)', async () => {
  const { headers } = await accepted({ redirect_uris: redirectUris });

  expect(headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.getSetCookie()).toEqual([]);
});
