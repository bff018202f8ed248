import { describe, expect, test } from '@jest/globals';
import { prepareAuthorizationRequest, prepareTokenRequest } from '../../lib/authorization-server/request-parameters.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createResources, type Resource, type Resources } from '../../lib/shared/resources.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const mcp = 'https://mcp.example.com/mcp';
const other = 'https://mcp.example.com/other';

function resource(path: string, scopes: readonly string[], changes: Partial<Resource> = {}): Resource {
  return {
    path,
    scopes,
    grantableScopes: [...scopes, `${path.slice(1)}:more`],
    displayName: path,
    isDefault: false,
    allowedOrigins: [],
    ...changes,
  };
}

function declared(...list: Resource[]): Resources {
  const resources = createResources();
  for (const one of list) resources.declare(one);
  return resources;
}

const one = declared(resource('/mcp', ['read', 'write']));
const two = declared(resource('/mcp', ['read', 'write']), resource('/other', ['other']));
const withDefault = declared(resource('/mcp', ['read']), resource('/other', ['other'], { isDefault: true }));

/** The parameters as they are sent on, sorted by name. */
function prepared(query: string, resources = one, prepare = prepareAuthorizationRequest): string {
  const parameters = new URLSearchParams(query);
  prepare(parameters, issuer, resources);
  parameters.sort();
  return decodeURIComponent(parameters.toString().replaceAll('+', ' '));
}

describe('the resource of a request (RFC 8707 section 2)', () => {
  test.each([
    ['a trailing slash', 'https://mcp.example.com/mcp/'],
    ['an upper-case host', 'https://MCP.example.com/mcp'],
    ['the default port', 'https://mcp.example.com:443/mcp'],
    ['its advertised form', mcp],
  ])('with %s becomes the advertised one', (_what, indicator) => {
    const query = `resource=${encodeURIComponent(indicator)}&scope=read`;
    expect(prepared(query)).toBe(`resource=${mcp}&scope=read`);
    expect(prepared(query, one, prepareTokenRequest)).toBe(`resource=${mcp}&scope=read`);
  });

  test('that is unknown stays as it is, to be refused with its own name', () => {
    expect(prepared('resource=https://evil.example/mcp')).toBe('resource=https://evil.example/mcp');
    expect(prepared('resource=', one, prepareTokenRequest)).toBe('resource=');
  });

  test('given twice in two spellings is one; two resources stay two, to be refused', () => {
    expect(prepared(`resource=${mcp}&resource=${mcp}/`)).toBe(`resource=${mcp}&scope=read write`);
    expect(prepared(`resource=${mcp}&resource=${other}&scope=read`, two)).toContain(
      `resource=${mcp}&resource=${other}`,
    );
    expect(prepared(`resource=${mcp}&resource=${other}`, two, prepareTokenRequest)).toBe(
      `resource=${mcp}&resource=${other}`,
    );
  });

  test('that is missing is not invented in the request', () => {
    expect(prepared('scope=read')).toBe('scope=read');
    expect(prepared('grant_type=refresh_token', one, prepareTokenRequest)).toBe('grant_type=refresh_token');
  });
});

describe('the scope of an authorization request', () => {
  test.each([
    ['none asked for: all that every request needs', '', 'read write'],
    ['empty', 'scope=', 'read write'],
    ['one of them', 'scope=read', 'read'],
    ['one that single operations need', 'scope=mcp:more', 'mcp:more'],
    ['twice the same', 'scope=read read', 'read'],
    ['odd spaces', 'scope=  read   write ', 'read write'],
    ['unknown ones beside a known one', 'scope=read unknown admin', 'read'],
    ['only unknown ones', 'scope=unknown', 'read write'],
    ['those of OpenID Connect alone', 'scope=openid profile email', 'read write'],
    ['those of OpenID Connect beside a known one', 'scope=openid write', 'write'],
    ['offline_access alone', 'scope=offline_access', 'read write offline_access'],
    ['offline_access beside a known one', 'scope=offline_access read', 'offline_access read'],
    ['another case', 'scope=READ', 'read write'],
  ])('with %s', (_what, query, scope) => {
    expect(prepared(query)).toBe(`scope=${scope}`);
  });

  test('counts for the resource named, and for the default where none is', () => {
    expect(prepared(`resource=${other}&scope=read other`, two)).toBe(`resource=${other}&scope=other`);
    expect(prepared('scope=read other', withDefault)).toBe('scope=other');
  });

  test('stays as it is where no resource is meant, or where it is repeated, to be refused', () => {
    expect(prepared('scope=read unknown', two)).toBe('scope=read unknown');
    expect(prepared('resource=https://evil.example&scope=unknown')).toBe('resource=https://evil.example&scope=unknown');
    expect(prepared('scope=read&scope=unknown')).toBe('scope=read&scope=unknown');
  });
});

describe('other parameters of an authorization request', () => {
  test.each([
    ['select_account', 'login_prompt=select_account&prompt=login'],
    ['login select_account', 'login_prompt=login select_account&prompt=login'],
    ['consent', 'prompt=consent'],
    ['none', 'prompt=none'],
    ['login consent', 'login_prompt=login&prompt=login consent'],
  ])('prompt %s is %s', (prompt, kept) => {
    const parameters = new URLSearchParams(prepared(`prompt=${prompt}&scope=read`));
    parameters.sort();
    expect(decodeURIComponent(`${parameters}`).replaceAll('+', ' ')).toBe(`${kept}&scope=read`);
  });

  test('max_age and acr_values are kept for the sign-in (OpenID Connect Core section 3.1.2.1)', () => {
    expect(prepared('max_age=60&scope=read&acr_values=a b')).toBe('login_acr_values=a b&login_max_age=60&scope=read');
    const malformed = [
      'max_age=-1',
      'max_age=1e3',
      'max_age=60&max_age=70',
      'acr_values=%0A',
      'acr_values=a&acr_values=b',
    ];
    for (const query of malformed) expect(prepared(`${query}&scope=read`)).toBe('scope=read');
  });

  test('names that stand for them inside are nobody else’s', () => {
    expect(prepared('login_max_age=1&login_prompt=none&login_acr_values=x&scope=read')).toBe('scope=read');
  });

  test('an empty prompt is none, and a repeated one stays, to be refused (RFC 6749 section 3.1)', () => {
    expect(prepared('prompt=&scope=read')).toBe('scope=read');
    expect(prepared('prompt=login&prompt=none&scope=read')).toBe('prompt=login&prompt=none&scope=read');
  });

  test('those that mean something only with an ID token are dropped', () => {
    const names = ['nonce', 'claims', 'claims_locales', 'id_token_hint', 'max_age', 'acr_values'];
    expect(prepared(`${names.map((name) => `${name}=x&${name}=y`).join('&')}&scope=read`)).toBe('scope=read');
  });

  test('all others pass unchanged, repeated ones repeated', () => {
    const query = 'client_id=a&client_id=b&code_challenge=z&redirect_uri=https://c.example/cb?d=1&scope=read&state=x y';
    expect(prepared(query.replace('cb?d=1', encodeURIComponent('cb?d=1')))).toBe(query);
  });
});

describe('the scope of a token request', () => {
  test.each([
    ['openid profile email address phone offline_access', ''],
    ['read offline_access', 'read'],
    ['read unknown', 'read unknown'],
    ['', ''],
  ])('%p is sent on as %p: what no access token carries is dropped, all else judged later', (scope, sent) => {
    expect(prepared(`scope=${scope}`, one, prepareTokenRequest)).toBe(sent === '' ? '' : `scope=${sent}`);
  });

  test('that is repeated stays, to be refused (RFC 6749 section 3.2)', () => {
    expect(prepared('scope=read&scope=openid', one, prepareTokenRequest)).toBe('scope=read&scope=openid');
  });
});
