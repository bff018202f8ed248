import { describe, expect, test } from '@jest/globals';
import { cookieNames, withoutOwnCookies } from '../../lib/shared/cookie-names.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';

const secure = parseIssuer('https://mcp.example.com') as Issuer;
const loopback = parseIssuer('http://127.0.0.1:3000') as Issuer;

function allNames(issuer: Issuer): string[] {
  const { session, interaction, resume, login } = cookieNames(issuer);
  return [session, interaction, resume, login('Abc-_123456789')];
}

describe('cookie names', () => {
  test('bind a cookie to host and scheme on https: __Host- for the whole host, __Secure- for a path (RFC 6265bis section 4.1.3)', () => {
    expect(allNames(secure)).toEqual([
      `__Host-mcp_session_${secure.tag}`,
      '__Secure-mcp_interaction',
      '__Secure-mcp_resume',
      `__Host-mcp_login_${secure.tag}_Abc-_123`,
    ]);
  });

  test('have no prefix on http loopback, where a browser would drop such cookies', () => {
    expect(allNames(loopback).some((name) => name.startsWith('__'))).toBe(false);
  });

  test('differ between issuers of one host, so that mounts do not overwrite each other', () => {
    const other = parseIssuer('https://mcp.example.com/gw') as Issuer;
    expect(cookieNames(other).session).not.toBe(cookieNames(secure).session);
    expect(cookieNames(other).login('state')).not.toBe(cookieNames(secure).login('state'));
  });

  test('differ between logins, so that two tabs sign in side by side', () => {
    expect(cookieNames(secure).login('state-one')).not.toBe(cookieNames(secure).login('other-one'));
  });

  test('hold only characters of a token (RFC 6265 section 4.1.1)', () => {
    for (const name of [...allNames(secure), ...allNames(loopback)]) expect(name).toMatch(/^[\w-]+$/);
  });
});

describe('what is passed on', () => {
  test.each([secure, loopback])('has none of our cookies, signatures included (%#)', (issuer) => {
    const own = allNames(issuer).flatMap((name) => [`${name}=value`, `${name}.sig=value`, `${name}.legacy=value`]);
    expect(withoutOwnCookies(own.join('; '))).toBeUndefined();
    expect(withoutOwnCookies(`a=1; ${own.join('; ')}; b=2`)).toBe('a=1; b=2');
  });

  test("has all of the app's cookies, also those that look alike", () => {
    const cookies = 'sid=1; mcp=2; mcp_sessions=3; xmcp_session=4; __Host-session=5; mcp_loginname=6; empty=';
    expect(withoutOwnCookies(cookies)).toBe(cookies);
  });

  test('loses our cookies whatever stands around them', () => {
    expect(withoutOwnCookies(';;  mcp_resume=1 ;a=1;mcp_session_x=2;;')).toBe('a=1');
    expect(withoutOwnCookies('mcp_interaction')).toBeUndefined();
    expect(withoutOwnCookies('')).toBeUndefined();
  });

  test('loses a cookie whose value holds an equals sign or our name only by its own name', () => {
    expect(withoutOwnCookies('a=mcp_session_x=1; mcp_session_x=a=b')).toBe('a=mcp_session_x=1');
  });
});
