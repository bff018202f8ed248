import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkRedirectUri, isNativeClient } from '../../lib/clients/redirect-uri.ts';
import { normalizeRegistration } from '../../lib/clients/registration.ts';
import { readBearerToken } from '../../lib/protected-resource/bearer-token.ts';
import { missingScopes } from '../../lib/protected-resource/scopes.ts';
import { requestPolicy, responsePolicy } from '../../lib/proxy/header-policy.ts';
import { isLoopbackAddress, isPrivateAddress, isPublicAddress } from '../../lib/shared/address-policy.ts';
import { callerAddress } from '../../lib/shared/caller-address.ts';
import { withoutOwnCookies } from '../../lib/shared/cookie-names.ts';
import { matchesGlob } from '../../lib/shared/glob.ts';
import { readCookies } from '../../lib/shared/http.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { decodeHeaderValue } from '../../lib/shared/operation.ts';
import { canonicalResource, createResources, type Resource } from '../../lib/shared/resources.ts';
import { readChallenge } from '../../lib/upstream/challenge.ts';
import { holds } from '../helpers/properties.ts';

/** Text of any kind, and text made of what these parsers look for. */
const piece = fc.constantFrom(
  'https:',
  'http:',
  'javascript:',
  'data:',
  'cursor:',
  'com.example.app:',
  '//',
  '/',
  '\\',
  '?',
  '#',
  '@',
  ':',
  '.',
  '..',
  '%',
  '%2e',
  '%00',
  '*',
  ' ',
  '\t',
  '\n',
  '\0',
  '[',
  ']',
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  'localhost',
  '[::1]',
  '[::ffff:127.0.0.1]',
  'client.example',
  'CLIENT.example',
  'xn--e1afmkfd',
  '\u3002',
  '\u200b',
  '\ud800',
  ',',
  ';',
  '=',
  '"',
  '\\"',
  'Bearer',
  'DPoP',
  'error',
  'scope',
  'mcp',
  '__proto__',
  'a',
  '0',
  '65536',
  '-',
);
const text = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.webUrl({ withQueryParameters: true, withFragments: true }) },
);

describe('a redirect URI', () => {
  test('that is accepted means the same to every parser, and nothing dangerous', () =>
    holds(
      fc.property(text, (uri) => {
        if (checkRedirectUri(uri) !== undefined) return;
        const url = new URL(uri);
        expect(uri).toMatch(/^[\x21-\x7e]+$/);
        expect([url.hash, url.username, url.password, uri.includes('\\'), uri.includes('#')]).toEqual([
          '',
          '',
          '',
          false,
          false,
        ]);
        expect(['javascript:', 'data:', 'file:', 'vbscript:', 'blob:', 'about:']).not.toContain(url.protocol);
        if (url.protocol === 'http:') expect(['127.0.0.1', 'localhost', '[::1]']).toContain(url.hostname);
        if (url.protocol === 'https:') expect(url.hostname).not.toBe('');
        expect(typeof isNativeClient([uri])).toBe('boolean');
      }),
      3000,
    ));

  test('of any other kind than text is refused, and never an exception', () =>
    holds(
      fc.property(
        fc.anything(),
        (value) => void (typeof value !== 'string' && expect(checkRedirectUri(value)).toBe('not_a_string')),
      ),
    ));
});

describe('a resource indicator', () => {
  const issuer = parseIssuer('https://mcp.example') as Issuer;
  const resources = createResources('https://mcp.example');
  const declare = (path: string): Resource =>
    resources.declare({
      path,
      scopes: ['a'],
      grantableScopes: ['a'],
      displayName: path,
      isDefault: false,
      allowedOrigins: [],
    });
  const declared = [declare('/mcp'), declare('/mcp/admin'), declare('/')];

  test('resolves to what it names, or to nothing', () =>
    holds(
      fc.property(
        fc.oneof(
          text,
          text.map((rest) => `https://mcp.example/${rest}`),
        ),
        (indicator) => {
          const found = resources.resolve(issuer, indicator);
          if (!found) return;
          const url = new URL(indicator);
          expect(url.origin).toBe(issuer.origin);
          expect([found.path, `${found.path}/`]).toContain(url.pathname);
          expect(resources.resolve(issuer, canonicalResource(issuer, found))).toBe(found); // Canonical is a fixed point.
        },
      ),
      2000,
    ));

  test('means the same in every accepted spelling', () =>
    holds(
      fc.property(
        fc.constantFrom(...declared),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (resource, upper, port, slash, query) => {
          const host = `${upper ? 'HTTPS://MCP.EXAMPLE' : 'https://mcp.example'}${port ? ':443' : ''}`;
          const path = `${resource.path}${slash && resource.path !== '/' ? '/' : ''}${query ? '?x=1' : ''}`;
          expect(resources.resolve(issuer, host + path)).toBe(resource);
        },
      ),
    ));
});

describe('headers', () => {
  const value = fc.oneof(
    text,
    fc.tuple(fc.constantFrom('Bearer', 'bearer', 'DPoP', 'Basic', ''), text).map((parts) => parts.join(' ')),
  );
  const request = (rawHeaders: string[], url = '/mcp') =>
    ({ rawHeaders, headers: {}, url }) as unknown as IncomingMessage;

  test('Authorization: a token is read only of exactly one header, as it stands there', () =>
    holds(
      fc.property(fc.array(value, { maxLength: 3 }), (values) => {
        const read = readBearerToken(request(values.flatMap((one) => ['Authorization', one])));
        if (read.kind !== 'token') return;
        expect(values).toHaveLength(1);
        expect(values[0]?.endsWith(read.token)).toBe(true);
        expect(read.token).toMatch(/^[\w\-.~+/]+=*$/);
      }),
      2000,
    ));

  test('WWW-Authenticate of an upstream: only scopes that can be scopes, in bounded number', () =>
    holds(
      fc.property(
        fc.oneof(
          text,
          text.map((rest) => `Bearer scope="${rest}", error=${rest}`),
        ),
        (header) => {
          const { scopes } = readChallenge(header);
          expect(scopes.length).toBeLessThanOrEqual(50);
          for (const scope of scopes) expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
        },
      ),
      2000,
    ));

  test('Mcp-Name and Mcp-Method: what is decoded is what was encoded', () =>
    holds(
      fc.property(text, (name) => {
        const wellFormed = Buffer.from(name).toString();
        expect(decodeHeaderValue(`=?base64?${Buffer.from(wellFormed).toString('base64')}?=`)).toBe(
          wellFormed.replace(/^\ufeff/, ''),
        );
        const decoded = decodeHeaderValue(name);
        if (!name.startsWith('=?')) expect(decoded).toBe(name);
      }),
      1000,
    ));

  const unnamed = callerAddress({ ip: 'no address', socket: {} });
  test('X-Forwarded-For as Express gives it: an address, a network, one name for all others, or nobody', () =>
    holds(
      fc.property(
        fc.oneof(
          text,
          fc.ipV4(),
          fc.ipV6(),
          fc.ipV6().map((address) => `[${address}]:80`),
        ),
        (ip) => {
          const caller = callerAddress({ ip, socket: {} });
          if (caller !== undefined && caller !== unnamed)
            expect(caller).toMatch(/^(?:\d+\.\d+\.\d+\.\d+|[\da-f]+:[\da-f]+:[\da-f]+:[\da-f]+::\/64)$/);
        },
      ),
      1000,
    ));

  test('through the proxy: a part of what came, in order, and never a credential, a route or an identity', () => {
    const name = fc.oneof(
      fc.constantFrom(
        'Authorization',
        'cookie',
        'X-Forwarded-User',
        'x_forwarded_for',
        'Connection',
        'Host',
        'TE',
        'Mcp-Name',
        'mcp_name',
        'Content-Type',
        'content-length',
        'Forwarded',
        'Set-Cookie',
        'WWW-Authenticate',
        'Location',
      ),
      text,
    );
    const forbidden =
      /^(?:authorization|cookie|host|te|forwarded|set-cookie|www-authenticate|location|connection|x-forwarded.*)$/;
    return holds(
      fc.property(fc.array(fc.tuple(name, text), { maxLength: 12 }), (headers) => {
        for (const policy of [requestPolicy, responsePolicy]) {
          const kept = policy(headers);
          expect(headers.filter((header) => kept.includes(header))).toEqual(kept);
          for (const [one] of kept) expect(one.toLowerCase()).not.toMatch(forbidden);
          for (const [one] of kept) expect(one).toMatch(/^[A-Za-z0-9-]+$/);
        }
      }),
      1000,
    );
  });

  test('Cookie: the first of a name, and none of ours goes on', () =>
    holds(
      fc.property(
        text,
        fc.constantFrom('mcp_session_x', '__Host-mcp_login_x', '__Secure-mcp_interaction', 'mcp_resume.sig'),
        (other, own) => {
          const header = `${other.replace(/[;=]/g, '')}=1; ${own}=secret-of-ours`;
          expect(withoutOwnCookies(header) ?? '').not.toContain('secret-of-ours');
          const cookies = readCookies({ headers: { cookie: `a=first; ${other}; a=second` } } as IncomingMessage);
          expect(cookies.get('a')).toBe('first');
        },
      ),
      1000,
    ));
});

describe('scopes', () => {
  const scope = fc.constantFrom('a', 'b', 'c', 'd', 'e', '__proto__', 'constructor');
  const hierarchy = fc.dictionary(scope, fc.array(scope, { maxLength: 4 }), { noNullPrototype: true });

  /** The same by going over all of them until nothing is new. */
  function closure(granted: readonly string[], implies: Readonly<Record<string, readonly string[]>>): Set<string> {
    const all = new Set(granted);
    for (let size = -1; size !== all.size; ) {
      size = all.size;
      for (const [broad, narrow] of Object.entries(implies)) if (all.has(broad)) for (const one of narrow) all.add(one);
    }
    return all;
  }

  test('that are missing are those that no granted one stands for, whatever implies what, in circles too', () =>
    holds(
      fc.property(fc.array(scope), fc.array(scope), fc.array(scope), hierarchy, (granted, more, required, implies) => {
        const held = closure(granted, implies);
        const missing = missingScopes(granted, required, implies);
        expect(missing).toEqual(required.filter((one) => !held.has(one)));
        // More rights never miss more, and what is granted itself is never missing.
        for (const one of missingScopes([...granted, ...more], required, implies)) expect(missing).toContain(one);
        expect(missingScopes(granted, granted, implies)).toEqual([]);
      }),
      1000,
    ));

  test('globs match what the pattern says, as a regular expression does', () => {
    const short = fc
      .array(fc.constantFrom('a', 'b', '*', '.', '_', '**'), { maxLength: 7 })
      .map((parts) => parts.join(''));
    return holds(
      fc.property(short, short, (pattern, name) => {
        const escaped = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
        expect(matchesGlob(pattern, name)).toBe(new RegExp(`^${escaped.join('.*')}$`, 's').test(name));
      }),
      2000,
    );
  });
});

describe('client metadata', () => {
  const member = fc.constantFrom(
    'redirect_uris',
    'grant_types',
    'response_types',
    'client_name',
    'client_uri',
    'logo_uri',
    'scope',
    'jwks',
    'jwks_uri',
    'contacts',
    'token_endpoint_auth_method',
    'application_type',
    'software_id',
    'client_id',
    'client_secret',
    '__proto__',
    'constructor',
    'resource_scopes',
    'tos_uri#de',
  );
  const value = fc.oneof(
    text,
    fc.array(text, { maxLength: 4 }),
    fc.jsonValue(),
    fc.constantFrom(
      'none',
      'client_secret_basic',
      ['authorization_code', 'client_credentials'],
      ['https://client.example/cb'],
    ),
  );
  const plain = Object.getOwnPropertyNames(Object.prototype).length;

  test('of any kind becomes metadata within the rights of a stranger, or a refusal', () =>
    holds(
      fc.property(fc.array(fc.tuple(member, value), { maxLength: 8 }), (members) => {
        const body = JSON.parse(
          `{${members.map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`).join()}}`,
        ) as Record<string, unknown>;
        const { metadata, problem } = normalizeRegistration(body, {});
        expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(plain);
        if (problem) return;
        for (const grant of metadata.grant_types as string[])
          expect(['authorization_code', 'refresh_token']).toContain(grant);
        for (const uri of metadata.redirect_uris as unknown[]) expect(checkRedirectUri(uri)).toBeUndefined();
        expect(metadata).not.toHaveProperty('client_id');
        expect(metadata).not.toHaveProperty('client_secret');
        expect(metadata).not.toHaveProperty('resource_scopes');
        expect(JSON.stringify(metadata)).not.toMatch(/\\u0000|\\ud[89a-f]/);
      }),
      1500,
    ));
});

describe('addresses', () => {
  test('are public, private or loopback, never two of them, and other text is none', () =>
    holds(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), text), (address) => {
        const kinds = [isPublicAddress(address), isPrivateAddress(address), isLoopbackAddress(address)];
        expect(kinds.filter(Boolean).length).toBeLessThanOrEqual(1);
      }),
      3000,
    ));

  test('of IPv6 that carry an IPv4 address are never public', () =>
    holds(
      fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '::', '64:ff9b::', '::ffff:0:'), (ipv4, prefix) => {
        expect(isPublicAddress(prefix + ipv4)).toBe(false);
      }),
      1000,
    ));
});
