import { describe, expect, test } from '@jest/globals';
import { checkRedirectUri, isNativeClient, knownClientSchemes } from '../../lib/clients/redirect-uri.ts';

describe('a redirect URI that known clients register', () => {
  test.each([
    'https://claude.ai/api/mcp/auth_callback',
    'https://chatgpt.com/connector_platform_oauth_redirect',
    'https://client.example:8443/cb?tenant=1&x=%20',
    'https://client.example',
    'HTTPS://Client.Example/cb',
    'https://vscode.dev/redirect',
    'https://192.0.2.1/cb',
    'https://[2001:db8::1]/cb',
    'http://localhost/callback',
    'http://localhost:6274/oauth/callback',
    'http://LOCALHOST:6274/cb',
    'http://127.0.0.1:33418/',
    'http://127.0.0.1/cb?x=1',
    'http://[::1]:33418/cb',
    'cursor://anysphere.cursor-retrieval/oauth/user-agent/callback',
    'vscode-insiders://vscode.github-authentication/did-authenticate',
    'com.example.app:/oauth2redirect',
    'com.raycast:/oauth?package_name=Extension',
    'com.example.app://callback',
  ])('is accepted: %s', (uri) => {
    expect(checkRedirectUri(uri)).toBeUndefined();
  });

  test('is accepted for every known scheme, and for none of them with a letter more', () => {
    expect(knownClientSchemes.map((scheme) => checkRedirectUri(`${scheme}://callback`))).toEqual(
      knownClientSchemes.map(() => undefined),
    );
    expect(knownClientSchemes.map((scheme) => checkRedirectUri(`${scheme}x://callback`))).toEqual(
      knownClientSchemes.map(() => 'scheme_unknown'),
    );
  });
});

describe('a redirect URI is refused', () => {
  test.each([
    ['not_a_string', undefined],
    ['not_a_string', null],
    ['not_a_string', 5],
    ['not_a_string', ['https://client.example/cb']],
    ['not_a_string', { toString: () => 'https://client.example/cb' }],
    ['too_long', `https://client.example/${'a'.repeat(2048)}`],
    ['too_long', `https://client.example/${'ü'.repeat(1020)}`],
    ['forbidden_character', 'https://client.example/a b'],
    ['forbidden_character', ' https://client.example/cb'],
    ['forbidden_character', 'https://client.example/\r\nSet-Cookie: a=1'],
    ['forbidden_character', 'https://client.example/\u0000'],
    ['forbidden_character', 'java\nscript:alert(1)'],
    ['forbidden_character', '\u0001javascript:alert(1)'],
    ['forbidden_character', 'https://client.example\\@evil.example/cb'],
    ['forbidden_character', 'https://clıent.example/cb'],
    ['forbidden_character', 'https://client.example/"onload="x'],
    ['forbidden_character', 'https://client.example/<script>'],
    ['forbidden_character', 'https://client.example/{id}'],
    ['forbidden_character', 'https://client.example/a|b'],
    ['fragment', 'https://client.example/cb#a'],
    ['fragment', 'https://client.example/cb#'],
    ['fragment', 'com.example.app:/cb#a'],
    ['wildcard', 'https://*.example.com/cb'],
    ['wildcard', 'http://localhost:*/cb'],
    ['not_absolute', ''],
    ['not_absolute', '/cb'],
    ['not_absolute', '//client.example/cb'],
    ['not_absolute', 'client.example/cb'],
    ['not_absolute', 'https:client.example/cb'],
    ['not_absolute', 'https:/client.example/cb'],
    ['not_absolute', 'https:///client.example/cb'],
    ['not_absolute', 'https://'],
    ['not_absolute', 'https://?cb'],
    ['not_absolute', 'https://client.example:99999/cb'],
    ['not_absolute', 'https://client.example:port/cb'],
    ['not_absolute', '1app://cb'],
    ['userinfo', 'https://user@client.example/cb'],
    ['userinfo', 'https://user:secret@client.example/cb'],
    ['userinfo', 'https://@client.example/cb'],
    ['userinfo', 'https://claude.ai@evil.example/cb'],
    ['userinfo', 'http://localhost@evil.example/cb'],
    ['userinfo', 'http://localhost:80@evil.example/cb'],
    ['userinfo', 'com.example.app://user@host/cb'],
    ['http_not_loopback', 'http://client.example/cb'],
    ['http_not_loopback', 'http://localhost.evil.example/cb'],
    ['http_not_loopback', 'http://127.0.0.1.evil.example/cb'],
    ['http_not_loopback', 'http://192.168.0.1/cb'],
    ['http_not_loopback', 'http://0.0.0.0/cb'],
    ['http_not_loopback', 'http://127.0.0.2/cb'],
    ['http_not_loopback', 'http://127.1/cb'],
    ['http_not_loopback', 'http://2130706433/cb'],
    ['http_not_loopback', 'http://0x7f000001/cb'],
    ['http_not_loopback', 'http://[::ffff:127.0.0.1]/cb'],
    ['http_not_loopback', 'http://[0:0:0:0:0:0:0:1]/cb'],
    ['http_not_loopback', 'http://localhost./cb'],
    ['http_not_loopback', 'http://%6cocalhost/cb'],
    ['scheme_refused', 'javascript:alert(1)'],
    ['scheme_refused', 'JavaScript:alert(1)'],
    ['scheme_refused', 'javascript://client.example/%0aalert(1)'],
    ['scheme_refused', 'data:text/html,x'],
    ['scheme_refused', 'vbscript:x'],
    ['scheme_refused', 'file:///etc/passwd'],
    ['scheme_refused', 'blob:https://client.example/uuid'],
    ['scheme_refused', 'filesystem:https://client.example/x'],
    ['scheme_refused', 'view-source:https://client.example'],
    ['scheme_refused', 'about:blank'],
    ['scheme_refused', 'intent://scan/'],
    ['scheme_refused', 'ws://client.example'],
    ['scheme_refused', 'mailto:a@client.example'],
    ['scheme_unknown', 'urn:ietf:wg:oauth:2.0:oob'],
    ['scheme_unknown', 'myapp://callback'],
    ['scheme_unknown', 'chrome-extension://id/cb'],
    ['scheme_unknown', 'httpss://client.example/cb'],
  ])('as %s: %j (RFC 8252 section 7, RFC 9700 section 4.1)', (problem, uri) => {
    expect(checkRedirectUri(uri)).toBe(problem);
  });

  test('from 2049 bytes on, and not before', () => {
    const uri = (length: number) => `https://client.example/${'a'.repeat(length - 'https://client.example/'.length)}`;
    expect(checkRedirectUri(uri(2048))).toBeUndefined();
    expect(checkRedirectUri(uri(2049))).toBe('too_long');
  });
});

describe("the operator's policy", () => {
  test('names further schemes, and never one that is refused by kind', () => {
    const policy = { allowedSchemes: ['acme-app', 'javascript', 'data'] };
    expect(checkRedirectUri('acme-app://cb', policy)).toBeUndefined();
    expect(checkRedirectUri('acme-apps://cb', policy)).toBe('scheme_unknown');
    expect(checkRedirectUri('javascript:alert(1)', policy)).toBe('scheme_refused');
    expect(checkRedirectUri('data:text/html,x', policy)).toBe('scheme_refused');
  });

  test('has the last word on what passed everything else, and is not asked about the rest', () => {
    const asked: string[] = [];
    const allowRedirect = (uri: string) => {
      asked.push(uri);
      return uri.startsWith('https://claude.ai/');
    };
    expect(checkRedirectUri('https://claude.ai/cb', { allowRedirect })).toBeUndefined();
    expect(checkRedirectUri('https://other.example/cb', { allowRedirect })).toBe('not_allowed');
    expect(checkRedirectUri('http://other.example/cb', { allowRedirect })).toBe('http_not_loopback');
    expect(asked).toEqual(['https://claude.ai/cb', 'https://other.example/cb']);
  });

  test('allows nothing with an answer that is not true', () => {
    const answers = [undefined, 1, 'yes', Promise.resolve(true)];
    expect(
      answers.map((answer) => checkRedirectUri('https://claude.ai/cb', { allowRedirect: () => answer as never })),
    ).toEqual(answers.map(() => 'not_allowed'));
  });
});

test.each([
  [['https://client.example/cb'], false],
  [['HTTPS://client.example/cb'], false],
  [['http://localhost/cb'], true],
  [['com.example.app:/cb'], true],
  [['https://client.example/cb', 'http://127.0.0.1/cb'], true],
])('a client with %j is native: %p (RFC 8252 section 7)', (uris, native) => {
  expect(isNativeClient(uris)).toBe(native);
});
