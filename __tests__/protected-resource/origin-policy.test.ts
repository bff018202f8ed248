import { describe, expect, test } from '@jest/globals';
import { isAllowedOrigin } from '../../lib/protected-resource/origin-policy.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import type { Resource } from '../../lib/shared/resources.ts';

const publicIssuer = parseIssuer('https://mcp.example.com/gw') as Issuer;
const loopbackIssuer = parseIssuer('http://127.0.0.1:3000') as Issuer;
const resource: Resource = {
  path: '/mcp',
  scopes: [],
  grantableScopes: [],
  displayName: 'mcp',
  isDefault: false,
  allowedOrigins: ['https://app.example.com', 'vscode-webview://id'],
};

describe('under a public issuer', () => {
  test.each([
    ['no origin: not a web page', undefined],
    ["the issuer's own", 'https://mcp.example.com'],
    ['one that the route allows', 'https://app.example.com'],
    ['one that the route allows without a host of its own', 'vscode-webview://id'],
  ])('%s may call', (_what, origin) => {
    expect(isAllowedOrigin(origin, publicIssuer, resource)).toBe(true);
  });

  test.each([
    ['another site', 'https://evil.example'],
    ['the same host over http', 'http://mcp.example.com'],
    ['the same host on another port', 'https://mcp.example.com:8443'],
    ['a host above', 'https://example.com'],
    ['a host below', 'https://a.mcp.example.com'],
    ['a host that ends the same', 'https://evilmcp.example.com'],
    ['the issuer with its path', 'https://mcp.example.com/gw'],
    ['a trailing slash', 'https://app.example.com/'],
    ['another case', 'https://APP.example.com'],
    ['the default port', 'https://app.example.com:443'],
    ['a sandboxed page', 'null'],
    ['an empty header', ''],
    ['two origins', 'https://app.example.com https://evil.example'],
    ['a page on this computer', 'http://localhost:5173'],
    ['a file', 'file://'],
  ])('%s may not (MCP transports, DNS rebinding)', (_what, origin) => {
    expect(isAllowedOrigin(origin, publicIssuer, resource)).toBe(false);
  });
});

describe('under a loopback issuer', () => {
  test.each([
    'http://127.0.0.1:3000',
    'http://localhost:5173',
    'http://127.0.0.2',
    'http://[::1]:8080',
    'https://localhost',
  ])('a page of this computer may call: %s', (origin) => {
    expect(isAllowedOrigin(origin, loopbackIssuer, resource)).toBe(true);
  });

  test.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://192.168.0.1',
    'http://0.0.0.0:3000',
    'http://localhost:5173/',
    'http://LOCALHOST',
    'http://127.1',
    'http://user@localhost',
    'null',
    'localhost',
  ])('any other may not: %s (CVE-2025-66414)', (origin) => {
    expect(isAllowedOrigin(origin, loopbackIssuer, resource)).toBe(false);
  });
});
