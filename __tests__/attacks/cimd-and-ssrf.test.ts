/** Metadata documents and SSRF: addresses in every spelling, rebinding, redirects, substitution, slow, huge and compressed answers */
import type { RequestListener } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createDocumentClient, redirectUri, soundDocument } from '../clients/document-client.ts';
import { callbackOf, type Parameters, postForm } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

/** Each case has a host of its own, and a caller, so that no budget of one is another's. */
const names = Array.from({ length: 150 }, (_, index) => `h${index}.example`);
let target: Target;
let next = 0;
let caller = 0;
beforeAll(async () => {
  target = await startTarget({ names, trustsProxy: true });
});
afterEach(() => target.reset());
afterAll(() => target.close());

const newHost = () => names[next++ % names.length] as string;
const newCaller = () => {
  caller += 1;
  return { 'x-forwarded-for': `198.18.${caller >> 8}.${caller & 255}` };
};
const ask = (clientId: string, asked: Parameters = {}) =>
  createDocumentClient(target.url, clientId).ask(
    { resource: `${target.url}/mcp`, ...asked },
    target.browser(newCaller()),
  );

/** An error page, no redirect, nothing of the inside. */
async function expectRefused(clientId: string, asked: Parameters = {}): Promise<string> {
  const page = await ask(clientId, asked);
  expect([page.status, page.location]).toEqual([400, undefined]);
  expect(page.forms).toEqual([]);
  expect(page.html).not.toMatch(insides);
  return page.text;
}

/** A client id at a host that answers so. @returns the client id */
function publish(answer: object | RequestListener, path = '/client.json', headers = {}): string {
  const id = target.host.at(`https://${newHost()}${path}`);
  target.host.serve(id, answer, headers);
  return id;
}
const publishDocument = (changes: Record<string, unknown> = {}, headers = {}) => {
  const id = target.host.at(`https://${newHost()}/client.json`);
  target.host.serve(id, soundDocument(id, changes), headers);
  return id;
};

it('a sound document is accepted, and its host learns nothing of the caller', async () => {
  let seen: Record<string, unknown> = {};
  const id = target.host.at(`https://${newHost()}/client.json`);
  target.host.serve(id, (req, res) => {
    seen = req.headers;
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(soundDocument(id)));
  });
  const browser = target.browser({ ...newCaller(), 'x-secret': 'of the caller', authorization: 'Bearer x' });
  browser.setCookie(target.url, 'app=secret; Path=/');
  const page = await createDocumentClient(target.url, id).ask({ resource: `${target.url}/mcp` }, browser);
  expect(page.status).toBe(200);
  expect(Object.keys(seen).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
  expect(seen['user-agent']).toBe('express-mcp-auth');
});

describe('an address that must not be reached is not connected to, in whatever spelling (RFC 6890, MCP, SSRF)', () => {
  const port = () => target.host.port;
  it.each([
    '127.0.0.2',
    '127.1',
    '127.0.2',
    '2130706434',
    '0x7f000002',
    '0x7f.0.0.2',
    '0177.0.0.2',
    '017700000002',
    '127.000.000.002',
    '127.0.0.2.',
    '１２７.0.0.2',
    '①②⑦.0.0.2',
    '127。0。0。2',
    '%31%32%37.0.0.2',
    '0',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '0xa9fea9fe',
    '2852039166',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '[::]',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.2]',
    '[::ffff:7f00:2]',
    '[::ffff:0:127.0.0.2]',
    '[::127.0.0.2]',
    '[64:ff9b::7f00:2]',
    '[64:ff9b:1::7f00:2]',
    '[2002:7f00:2::]',
    '[2001:0:7f00:2::]',
    '[2001:db8::1]',
    '[fe80::1]',
    '[fe80::5efe:7f00:2]',
    '[2606:4700::5efe:7f00:2]',
    '[fc00::1]',
    '[fd00::1]',
    '[ff02::1]',
    '[100::1]',
    '[5f00::1]',
    '[3fff::1]',
    'localhost',
    'LOCALHOST',
    'localhost.',
    'x.localhost',
    'metadata.google.internal',
    'instance-data',
  ])('https://%s', async (host) => {
    await expectRefused(`https://${host}:${port()}/client.json`);
    expect(target.host.requests).toEqual([]);
  });

  it.each([
    '127.0.0.2',
    '10.0.0.1',
    '169.254.169.254',
    '192.168.1.1',
    '0.0.0.0',
    '::1',
    '::ffff:127.0.0.2',
    '::ffff:7f00:2',
    'fd00::1',
    'fe80::1',
    'fe80::1%lo',
    '64:ff9b::7f00:2',
    '2002:7f00:2::',
    '::127.0.0.2',
    '100.100.100.200',
  ])('a public name that points to %s', async (address) => {
    const host = newHost();
    target.host.addresses.set(host, [address]);
    await expectRefused(target.host.at(`https://${host}/client.json`));
    expect(target.host.requests).toEqual([]);
    target.host.addresses.set(host, ['127.0.0.1']);
  });

  it('a name of which one address is good and another is not', async () => {
    const host = newHost();
    for (const addresses of [
      ['127.0.0.1', '127.0.0.2'],
      ['127.0.0.2', '127.0.0.1'],
      ['127.0.0.1', '::1'],
    ]) {
      target.host.addresses.set(host, addresses);
      await expectRefused(target.host.at(`https://${host}/${addresses.join('_').replace(/\W/g, '')}`));
    }
    expect(target.host.requests).toEqual([]);
  });

  it('a name that is bound anew after the check: the address that was checked is the one connected to', async () => {
    const host = newHost();
    const id = target.host.at(`https://${host}/client.json`);
    target.host.serve(id, soundDocument(id));
    expect((await ask(id)).status).toBe(200);
    expect(target.host.lookups).toEqual([host]); // One look: there is no second one to lie to.
    target.host.addresses.set(host, ['127.0.0.2']);
    const other = target.host.at(`https://${host}/other.json`);
    await expectRefused(other);
  });

  it('says the same of what is closed, open or refused inside', async () => {
    const hosts = [newHost(), newHost(), newHost()];
    const addresses = ['10.0.0.1', '127.0.0.2', '192.168.77.77'];
    const texts = [];
    for (const [index, host] of hosts.entries()) {
      target.host.addresses.set(host, [addresses[index] as string]);
      const text = await expectRefused(target.host.at(`https://${host}/client.json`));
      texts.push(text.replaceAll(host, 'host').replace(/Reference: \S+/, ''));
    }
    expect(new Set(texts).size).toBe(1);
    for (const address of addresses) expect(texts[0]).not.toContain(address);
  });
});

describe('a client id that is no proper URL is refused before anything is looked up (CIMD draft, Client Identifier)', () => {
  it.each([
    (host: string) => `http://${host}/client.json`,
    (host: string) => `https://${host}`,
    (host: string) => `https://${host}/`,
    (host: string) => `https://user@${host}/client.json`,
    (host: string) => `https://user:pass@${host}/client.json`,
    (host: string) => `https://${host}/client.json#x`,
    (host: string) => `https://${host}/a/../client.json`,
    (host: string) => `https://${host}/./client.json`,
    (host: string) => `https://${host}/a/%2e%2e/client.json`,
    (host: string) => `https://${host}/${'a'.repeat(3000)}`,
    (host: string) => `https:/${host}/client.json`,
    (host: string) => `https:\\\\${host}\\client.json`,
    (host: string) => `https://${host}\\@evil.example/client.json`,
    (host: string) => `HTTPS://${host}/client.json`,
    (host: string) => `https://${host.toUpperCase()}/client.json`,
    (host: string) => ` https://${host}/client.json`,
    (host: string) => `https://${host}/client.json `,
    (host: string) => `https://${host}/cli\tent.json`,
    (host: string) => `https://${host}/cli\nent.json`,
    (host: string) => `https://${host}:99999/client.json`,
    (host: string) => `https://${host}:x/client.json`,
    () => 'https://',
    () => 'https://?',
    () => 'https://#',
    () => 'ftp://h1.example/client.json',
    () => 'file:///etc/passwd',
    () => 'javascript:alert(1)',
    () => 'data:application/json,{}',
    () => '//h1.example/client.json',
  ])('case %#', async (spell) => {
    await expectRefused(spell(`h0.example:${target.host.port}`));
    expect([target.host.lookups, target.host.requests]).toEqual([[], []]);
  });
});

describe('an answer that is not the document (CIMD draft)', () => {
  const listener =
    (status: number, body: string | Buffer, headers = {}): RequestListener =>
    (_req, res) =>
      void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);

  it.each([301, 302, 303, 307, 308])('a redirect by %i is not followed', async (status) => {
    const goal = publishDocument();
    await expectRefused(publish(listener(status, '', { location: goal })));
    expect(target.host.requests).toHaveLength(1);
  });

  it.each([
    'http://127.0.0.2/',
    'https://127.0.0.2/client.json',
    'http://169.254.169.254/',
    'file:///etc/passwd',
    '//127.0.0.2/',
    'gopher://127.0.0.2:6379/_',
  ])('a redirect to %s is not followed', async (location) => {
    await expectRefused(publish(listener(302, '', { location })));
  });

  it.each([100, 201, 202, 203, 204, 205, 206, 300, 304, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503])(
    'status %i is none, whatever it says',
    async (status) => {
      const id = target.host.at(`https://${newHost()}/client.json`);
      target.host.serve(id, (_req, res) => {
        if (status === 100) return void res.destroy();
        res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(soundDocument(id)));
      });
      await expectRefused(id);
    },
  );

  it.each<[string, string | Buffer, Record<string, string>]>([
    ['no JSON', '<html>', {}],
    ['nothing', '', {}],
    ['a list', '[]', {}],
    ['null', 'null', {}],
    ['text', '"x"', {}],
    ['depth', '['.repeat(4000), {}],
    ['a document as HTML', '{}', { 'content-type': 'text/html' }],
    ['a document as text', '{}', { 'content-type': 'text/plain' }],
    ['a document without type', '{}', { 'content-type': '' }],
    ['a document of almost JSON', '{}', { 'content-type': 'application/json-x' }],
  ])('%s', async (_what, body, headers) => {
    await expectRefused(publish(listener(200, body, headers)));
  });

  it.each<[string, Record<string, unknown>]>([
    ['another client id', { client_id: 'https://h0.example/client.json' }],
    ['a client id with a slash more', { client_id: 'https://h0.example/client.json/' }],
    ['no client id', { client_id: undefined }],
    ['a list of client ids', { client_id: [] }],
    ['no name', { client_name: undefined }],
    ['a name of spaces', { client_name: '   ' }],
    ['a name that cannot be seen', { client_name: '\u200b\u202e' }],
    ['no redirect URIs', { redirect_uris: undefined }],
    ['an empty list of redirect URIs', { redirect_uris: [] }],
    ['a script to go to', { redirect_uris: ['javascript:alert(1)'] }],
    ['http to go to', { redirect_uris: ['http://client.example/cb'] }],
    ['one bad redirect URI among good ones', { redirect_uris: [redirectUri, 'data:text/html,x'] }],
    ['a shared secret', { client_secret: 'secret' }],
    ['an end of a shared secret', { client_secret_expires_at: 0 }],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }],
    [
      'private keys',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] },
      },
    ],
    ['symmetric keys', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
  ])('a document with %s', async (_what, changes) => {
    await expectRefused(publishDocument(changes));
  });

  it.each<[string, Record<string, unknown>]>([
    [
      'grants',
      {
        grant_types: [
          'authorization_code',
          'client_credentials',
          'password',
          'urn:ietf:params:oauth:grant-type:jwt-bearer',
        ],
      },
    ],
    ['response types', { response_types: ['code', 'token', 'id_token'] }],
    ['scopes', { scope: 'admin root', resource_scopes: { '/mcp': ['admin'] } }],
    [
      'members of prototypes',
      JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}') as Record<
        string,
        unknown
      >,
    ],
  ])('a document that gives itself %s gets no more than others', async (_what, changes) => {
    const id = publishDocument(changes);
    const page = await ask(id);
    expect([page.status, page.text.includes('admin')]).toEqual([200, false]);
    for (const grant_type of ['client_credentials', 'password']) {
      const answer = await postForm(`${target.url}/oauth/token`, {
        grant_type,
        client_id: id,
        username: 'a',
        password: 'b',
      });
      expect([400, 401]).toContain(answer.status);
    }
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });
});

describe('an answer that costs too much (CWE-400, CWE-409)', () => {
  const type = { 'content-type': 'application/json' };
  const padded = (id: string, size: number) => JSON.stringify({ ...soundDocument(id), padding: 'x'.repeat(size) });

  it.each([
    ['declared', true],
    ['in chunks', false],
  ])('more than 5 KB, %s', async (_how, isDeclared) => {
    const id = target.host.at(`https://${newHost()}/client.json`);
    target.host.serve(id, (_req, res) => {
      const body = padded(id, 6000);
      res.writeHead(200, { ...type, ...(isDeclared && { 'content-length': String(body.length) }) }).end(body);
    });
    await expectRefused(id);
  });

  it('without end: it is cut off', async () => {
    let cut: Promise<void> | undefined;
    await expectRefused(
      publish((_req, res) => {
        res.writeHead(200, type);
        const timer = setInterval(() => res.write('x'.repeat(1000)), 5);
        cut = new Promise((resolve) => res.once('close', () => resolve(clearInterval(timer))));
      }),
    );
    await cut;
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['gzip, gzip', (bytes) => gzipSync(gzipSync(bytes))],
    ['identity, gzip', gzipSync],
    ['x-unknown', (bytes) => bytes],
  ])('coded with %s, which nobody asked for', async (coding, encode) => {
    const bomb = encode(Buffer.alloc(2_000_000, ' '));
    await expectRefused(
      publish((_req, res) => void res.writeHead(200, { ...type, 'content-encoding': coding }).end(bomb)),
    );
  });

  const slow: [string, RequestListener][] = [
    ['never', () => undefined],
    ['half of its head', (_req, res) => void res.socket?.write('HTTP/1.1 200 OK\r\nContent-')],
    [
      'half of its body',
      (_req, res) => void res.writeHead(200, { ...type, 'content-length': '500' }).write('{"client_id"'),
    ],
    [
      'a byte now and then',
      (_req, res) => {
        res.writeHead(200, type);
        const timer = setInterval(() => res.write(' '), 100);
        res.once('close', () => clearInterval(timer));
      },
    ],
    [
      'interim answers for ever',
      (_req, res) => {
        const timer = setInterval(() => res.writeProcessing(), 100);
        res.once('close', () => clearInterval(timer));
      },
    ],
    [
      'another protocol',
      (_req, res) =>
        void res.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    ],
    [
      'headers without end',
      (_req, res) => {
        res.socket?.write(`HTTP/1.1 200 OK\r\n${'X-A: x\r\n'.repeat(5000)}`);
      },
    ],
    [
      'framing that says two things',
      (_req, res) =>
        void res.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'),
    ],
  ];
  /** All at once: each of them lasts until the time is over. */
  const ends = new Map<string, Promise<string>>();
  beforeAll(() => {
    for (const [how, answer] of slow) {
      const end = expectRefused(publish(answer));
      end.catch(() => undefined);
      ends.set(how, end);
    }
  });

  it('others are served meanwhile', async () => {
    expect((await ask(publishDocument())).status).toBe(200);
  });

  it.each(slow)('that comes as %s: it ends in seconds', async (how) => {
    expect(await ends.get(how)).toContain('cannot be used');
  });

  it('many requests for one document at once are answered, and none is left waiting', async () => {
    const id = publishDocument();
    const pages = await Promise.all(Array.from({ length: 12 }, () => ask(id)));
    expect(pages.filter(({ status }) => status >= 500)).toEqual([]);
  });
});

describe('what is kept of a document', () => {
  it.each([404, 500])('is never an error (%i): the next try works (CIMD draft, Metadata Caching)', async (status) => {
    const id = target.host.at(`https://${newHost()}/client.json`);
    target.host.serve(id, (_req, res) => void res.writeHead(status, { 'cache-control': 'max-age=9999' }).end());
    await expectRefused(id);
    target.host.serve(id, soundDocument(id));
    expect((await ask(id)).status).toBe(200);
  });

  it('is never a bad document that says how long it is good', async () => {
    const id = publishDocument({ redirect_uris: ['javascript:alert(1)'] }, { 'cache-control': 'max-age=9999' });
    await expectRefused(id);
    target.host.serve(id, soundDocument(id));
    expect((await ask(id)).status).toBe(200);
  });

  it('does not serve another client: ids that differ in anything are different clients', async () => {
    const id = publishDocument({}, { 'cache-control': 'max-age=9999' });
    expect((await ask(id)).status).toBe(200);
    for (const other of [
      `${id}?`,
      `${id}?x`,
      `${id}/`,
      id.replace('client.json', 'CLIENT.json'),
      id.replace('.example', '.example.'),
    ])
      await expectRefused(other);
  });
});

describe('keys of a client (jwks_uri)', () => {
  const now = () => Math.floor(Date.now() / 1000);
  it.each([
    'http://127.0.0.2/jwks',
    'https://127.0.0.2/jwks',
    'https://10.0.0.1/jwks',
    'https://169.254.169.254/',
    'https://[::1]/jwks',
    'https://localhost/jwks',
    'file:///etc/passwd',
  ])('are not fetched from %s', async (jwks_uri) => {
    const id = publishDocument({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri });
    const { privateKey } = await generateKeyPair('ES256');
    const claims = { iss: id, sub: id, aud: target.url, jti: String(Math.random()), iat: now(), exp: now() + 60 };
    const client_assertion = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'x' }).sign(privateKey);
    const answer = await postForm(
      `${target.url}/oauth/token`,
      {
        grant_type: 'refresh_token',
        refresh_token: 'x',
        client_id: id,
        client_assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      },
      newCaller(),
    );
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect([500, 502]).not.toContain(answer.status);
    expect(answer.text).not.toMatch(insides);
  });

  it('are not fetched anew for every forged key id', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = target.host.at(`https://${newHost()}/jwks.json`);
    target.host.serve(keys, { keys: [{ ...(await exportJWK(publicKey)), kid: 'own', alg: 'ES256' }] });
    const id = publishDocument({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri: keys });
    const from = newCaller();
    for (let index = 0; index < 30; index += 1) {
      const claims = {
        iss: id,
        sub: id,
        aud: target.url,
        jti: `j${index}-${Math.random()}`,
        iat: now(),
        exp: now() + 60,
      };
      const client_assertion = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: `forged-${index}` })
        .sign(privateKey);
      const { status } = await postForm(
        `${target.url}/oauth/token`,
        {
          grant_type: 'refresh_token',
          refresh_token: 'x',
          client_id: id,
          client_assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
        from,
      );
      expect([400, 401, 429]).toContain(status);
    }
    expect(target.host.requests.filter((path) => path.endsWith('/jwks.json')).length).toBeLessThanOrEqual(2);
  });
});

describe('request objects (RFC 9101 section 10.4)', () => {
  it.each([
    'https://h0.example/request.jwt',
    'http://127.0.0.2/',
    'file:///etc/passwd',
    'urn:ietf:params:oauth:request_uri:unknown',
  ])('request_uri=%s fetches nothing', async (request_uri) => {
    const page = await target.browser().get(target.client.authorizeUrl({ request_uri }));
    expect(callbackOf(page).code).toBeUndefined();
    expect([target.host.lookups, target.host.requests]).toEqual([[], []]);
  });
});
