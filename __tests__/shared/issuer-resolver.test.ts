import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createIssuerResolver } from '../../lib/shared/issuer-resolver.ts';

function issuer(identifier: string): Issuer {
  return parseIssuer(identifier) as Issuer;
}

/** A request as Node gives it, without Express. */
function withHost(host: string | undefined): IncomingMessage {
  return { headers: { host }, rawHeaders: [] as string[] } as IncomingMessage;
}

describe('a configured issuer', () => {
  test.each([
    ['its host', 'https://mcp.example.com', 'mcp.example.com'],
    ['its host in upper case', 'https://mcp.example.com', 'MCP.Example.COM'],
    ['its host with the default port', 'https://mcp.example.com', 'mcp.example.com:443'],
    ['its host and port', 'https://mcp.example.com:8443', 'mcp.example.com:8443'],
    ['its loopback host with the default port of http', 'http://localhost', 'localhost:80'],
    ['an IPv6 address', 'http://[::1]:3000', '[::1]:3000'],
  ])('is meant by %s', (_what, identifier, host) => {
    const configured = issuer(identifier);
    expect(createIssuerResolver(configured)(withHost(host))).toBe(configured);
  });

  test.each([
    ['another host', 'evil.example'],
    ['no host', undefined],
    ['an empty host', ''],
    ['a host that ends in it', 'evil.mcp.example.com'],
    ['a host that starts with it', 'mcp.example.com.evil.example'],
    ['another port', 'mcp.example.com:8443'],
    ["http's default port", 'mcp.example.com:80'],
    ['a user in front', 'user@mcp.example.com'],
    ['a root dot behind', 'mcp.example.com.'],
    ['loopback', 'localhost'],
  ])('is not meant by %s', (_what, host) => {
    expect(createIssuerResolver(issuer('https://mcp.example.com'))(withHost(host))).toBeUndefined();
  });
});

describe('behind a proxy', () => {
  const configured = issuer('https://mcp.example.com');

  async function resolvedHost(trustProxy: boolean, headers: Record<string, string>): Promise<unknown> {
    const app = express().set('trust proxy', trustProxy);
    const resolve = createIssuerResolver(configured);
    app.use((req, res) => void res.json({ served: resolve(req) === configured }));
    return (await request(app).get('/').set(headers)).body.served;
  }

  test('X-Forwarded-Host counts only where Express trusts the proxy', async () => {
    const headers = { host: 'internal:8080', 'x-forwarded-host': 'mcp.example.com' };
    expect(await resolvedHost(true, headers)).toBe(true);
    expect(await resolvedHost(false, headers)).toBe(false);
  });

  test("a caller's X-Forwarded-Host in front of the real host serves nothing where the proxy is trusted", async () => {
    expect(await resolvedHost(true, { host: 'mcp.example.com', 'x-forwarded-host': 'evil.example' })).toBe(false);
    expect(await resolvedHost(false, { host: 'mcp.example.com', 'x-forwarded-host': 'evil.example' })).toBe(true);
  });

  test('Forwarded and X-Forwarded-Server never name the issuer', async () => {
    const headers = { host: 'internal', forwarded: 'host=mcp.example.com', 'x-forwarded-server': 'mcp.example.com' };
    expect(await resolvedHost(true, headers)).toBe(false);
  });
});

describe('without a configured issuer', () => {
  test.each([
    ['localhost:3000', 'http://localhost:3000'],
    ['LOCALHOST:3000', 'http://localhost:3000'],
    ['localhost:80', 'http://localhost'],
    ['127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['127.0.0.2', 'http://127.0.0.2'],
    ['[::1]:3000', 'http://[::1]:3000'],
  ])('the loopback host %s gives %s', (host, identifier) => {
    expect(createIssuerResolver(undefined)(withHost(host))?.identifier).toBe(identifier);
  });

  test.each([
    ['a public name', 'mcp.example.com'],
    ['a private address', '192.168.0.1'],
    ['the unspecified address', '0.0.0.0'],
    ['a name that starts like loopback', 'localhost.evil.example'],
    ['an address that a parser would repair', '127.1'],
    ['a port out of range', 'localhost:99999'],
    ['a port with leading zeros', 'localhost:080'],
    ['a path', 'localhost/evil'],
    ['a query', 'localhost?x'],
    ['a user', 'a@localhost'],
    ['a list', 'localhost, evil.example'],
    ['space', 'local host'],
    ['no host', undefined],
  ])('%s serves nothing', (_what, host) => {
    expect(createIssuerResolver(undefined)(withHost(host))).toBeUndefined();
  });

  test('one host has one issuer object, and a flood of hosts drops those that nobody asks for', () => {
    const resolve = createIssuerResolver(undefined);
    const first = resolve(withHost('localhost:1'));
    expect(resolve(withHost('localhost:1'))).toBe(first);
    for (let port = 2; port <= 512; port += 1) resolve(withHost(`localhost:${port}`));
    expect(resolve(withHost('localhost:1'))).toBe(first);
    for (let port = 513; port <= 1023; port += 1) resolve(withHost(`localhost:${port}`));
    expect(resolve(withHost('localhost:1'))).toBe(first);
    for (let port = 1024; port <= 1535; port += 1) resolve(withHost(`localhost:${port}`));
    const again = resolve(withHost('localhost:1'));
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });
});

describe('origins by a predicate', () => {
  test('one that the app no longer allows is no longer served', () => {
    const allowed = new Set(['http://localhost:1']);
    const resolve = createIssuerResolver(undefined, (origin) => allowed.has(origin));
    const first = resolve(withHost('localhost:1'));
    expect(first?.identifier).toBe('http://localhost:1');
    expect(resolve(withHost('localhost:1'))).toBe(first);
    allowed.clear();
    expect(resolve(withHost('localhost:1'))).toBeUndefined();
  });
});
