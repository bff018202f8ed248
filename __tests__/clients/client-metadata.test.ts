import { describe, expect, test } from '@jest/globals';
import { describeProblem, displayName, narrowClientMetadata } from '../../lib/clients/client-metadata.ts';

const redirect = 'https://client.example/cb';

/** What becomes of metadata, or the words for what is wrong with it. */
function narrowed(metadata: Record<string, unknown>): Record<string, unknown> | string {
  const copy = structuredClone({ redirect_uris: [redirect], ...metadata });
  const problem = narrowClientMetadata(copy);
  return problem ? describeProblem(problem) : copy;
}

describe('redirect URIs', () => {
  test.each([
    ['missing', undefined],
    ['null', null],
    ['empty', []],
    ['one text', redirect],
    ['an object', { 0: redirect, length: 1 }],
  ])('that are %s are refused (RFC 7591 section 2)', (_what, uris) => {
    expect(narrowed({ redirect_uris: uris })).toBe('redirect_uris is required: an array of at least one URI');
  });

  test('may be 20, not 21', () => {
    const uris = (count: number) => Array.from({ length: count }, (_, index) => `${redirect}/${index}`);
    expect(narrowed({ redirect_uris: uris(20) })).toMatchObject({ redirect_uris: uris(20) });
    expect(narrowed({ redirect_uris: uris(21) })).toBe('redirect_uris may hold at most 20 URIs');
  });

  test('are refused with place and reason of the first bad one, without its text', () => {
    expect(narrowed({ redirect_uris: [redirect, 'http://evil.example/cb?secret', 'javascript:1'] })).toBe(
      'redirect_uris[1] is not allowed: http_not_loopback',
    );
    expect(narrowed({ redirect_uris: [redirect, null] })).toBe('redirect_uris[1] is not allowed: not_a_string');
  });

  test.each([
    [['https://client.example/cb'], 'web', 'native'],
    [['http://localhost/cb'], 'native', 'web'],
    [['cursor://cb', 'https://client.example/cb'], 'native', 'web'],
  ])('%j say the application type %s, whatever was claimed', (redirect_uris, type, claimed) => {
    expect(narrowed({ redirect_uris, application_type: claimed })).toMatchObject({ application_type: type });
    expect(narrowed({ redirect_uris })).toMatchObject({ application_type: type });
  });
});

describe('what a client may give itself', () => {
  test.each([
    [undefined, ['authorization_code', 'refresh_token']],
    [[], ['authorization_code', 'refresh_token']],
    ['authorization_code', ['authorization_code', 'refresh_token']],
    [['authorization_code'], ['authorization_code']],
    [
      ['refresh_token', 'authorization_code'],
      ['refresh_token', 'authorization_code'],
    ],
    [['refresh_token'], ['authorization_code', 'refresh_token']],
    [
      ['implicit', 'client_credentials', 'password'],
      ['authorization_code', 'refresh_token'],
    ],
    [['authorization_code', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'implicit'], ['authorization_code']],
  ])('of the grants %j is %j (RFC 9700 section 2.4)', (asked, granted) => {
    expect(narrowed({ grant_types: asked })).toMatchObject({ grant_types: granted });
  });

  test('is the response type code, and no scope that would cap it for ever', () => {
    const metadata = narrowed({ response_types: ['token', 'id_token'], scope: 'mcp:tools admin' });
    expect(metadata).toMatchObject({ response_types: ['code'] });
    expect(metadata).not.toHaveProperty('scope');
  });

  test('does not grow when it is narrowed again, as stored clients are', () => {
    const once = narrowed({ grant_types: ['authorization_code'], client_name: ' A  B ', scope: 'x' });
    expect(narrowed(once as Record<string, unknown>)).toEqual(once);
  });
});

describe('a name', () => {
  test.each([
    ['is kept as it is', 'Claude Code (3.1) – Zürich 🔑', 'Claude Code (3.1) – Zürich 🔑'],
    ['loses outer and repeated space', '  A \u00a0 \u2003 B  ', 'A B'],
    ['loses control characters', 'A\u0000\u001b[31mB\u007f', 'A[31mB'],
    ['loses line breaks, U+2028 included', 'A\r\nB\u2028C', 'ABC'],
    ['loses direction overrides (CVE-2021-42574)', '\u202eegnahcxE\u2066 evil\u2069', 'egnahcxE evil'],
    ['loses zero-width characters', 'Cl\u200baude\u200d\ufeff\u2060', 'Claude'],
    ['loses soft hyphens and joiners', 'Cl\u00ada\u034fude', 'Claude'],
    ['loses fillers that look like nothing', 'Cl\u3164au\u115f\u1160\uffa0\u2800de', 'Claude'],
    ['loses tag characters', 'Claude\u{e0041}\u{e007f}', 'Claude'],
    ['loses private-use characters and lone surrogates', 'A\ue000\ud800B', 'AB'],
    ['is composed, so that equal looks are equal texts', 'u\u0308', 'ü'],
    ['is cut after 200 characters, never within one', '🔑'.repeat(300), '🔑'.repeat(200)],
  ])('%s (CWE-1007)', (_what, given, shown) => {
    expect(displayName(given)).toBe(shown);
  });

  test.each(['\u3164', '\u200b\u200b', ' \u2800 ', '\u0000', '   '])('that shows nothing is no name: %j', (name) => {
    expect(narrowed({ client_name: name })).not.toHaveProperty('client_name');
  });

  test.each([5, null, ['Claude'], {}])('that is no text is dropped: %j', (name) => {
    expect(narrowed({ client_name: name })).not.toHaveProperty('client_name');
  });

  test('is required of a metadata document and of nobody else (CIMD draft, Client Metadata)', () => {
    const client_id = 'https://client.example/client.json';
    const required = 'client_name is required in a client metadata document';
    expect(narrowed({ client_id })).toBe(required);
    expect(narrowed({ client_id, client_name: '\u3164' })).toBe(required);
    expect(narrowed({ client_id, client_name: 'Client' })).toMatchObject({ client_name: 'Client' });
    expect(narrowed({ client_id: 'registered-1' })).toMatchObject({ client_id: 'registered-1' });
  });
});
