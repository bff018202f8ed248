import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { html } from '../../lib/shared/html.ts';
import { errorPage, type Page, pageHeaders, renderPage, sendPage } from '../../lib/shared/page.ts';

const page: Page = { title: 'Title', body: html`<p>Body</p>` };

function serve(shown: Page, status = 200): ReturnType<typeof createServer> {
  return createServer((_req, res) => {
    // What a middleware of the app, such as helmet, may have set before.
    res.setHeader('content-security-policy', "default-src * 'unsafe-inline'");
    res.setHeader('cache-control', 'public, max-age=3600');
    res.setHeader('x-frame-options', 'SAMEORIGIN');
    sendPage(res, status, shown);
  });
}

describe('a page', () => {
  test('comes with a policy that allows its own style and nothing else (CSP Level 3 section 2)', async () => {
    const answer = await request(serve(page)).get('/').expect(200);
    const style = /<style>(.*?)<\/style>/s.exec(answer.text)?.[1] ?? '';
    expect(style.length).toBeGreaterThan(100);
    const digest = createHash('sha256').update(style).digest('base64');
    expect(answer.headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
  });

  test('cannot be framed, sniffed, kept by a cache or named as referrer, whatever the app has set (RFC 9700 section 4.16)', async () => {
    const { headers } = await request(serve(page, 400)).get('/').expect(400);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  });

  test('has no script, no inline style attribute and no external asset, so that its policy breaks nothing', () => {
    const markup = renderPage(errorPage({ title: 't', explanation: 'e', advice: 'a', code: 'c', flowId: 'f' }));
    expect(markup).not.toMatch(/<script|\sstyle=|\son\w+=|<link|<img|src=|url\(|@import/i);
  });

  test('lets its form lead to the places it names, besides here', () => {
    const headers = pageHeaders({ ...page, formAction: ['https://client.example', 'cursor:'] });
    expect(headers['content-security-policy']).toContain("; form-action 'self' https://client.example cursor:; ");
  });

  test('says how long it is in bytes, not characters', async () => {
    const answer = await request(serve({ ...page, title: 'Zürich 🔑' })).get('/');
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)));
    expect(answer.text).toContain('<title>Zürich 🔑</title>');
  });

  test('escapes its title in both places (CWE-79)', () => {
    const markup = renderPage({ ...page, title: '</title><script>1</script>' });
    expect(markup.match(/&lt;\/title&gt;&lt;script&gt;1&lt;\/script&gt;/g)).toHaveLength(2);
    expect(markup).not.toContain('<script>');
  });
});

describe('the error page', () => {
  test('escapes every member (CWE-79)', () => {
    const hostile = '<img src=x onerror=alert(1)>';
    const markup = renderPage(
      errorPage({ title: hostile, explanation: hostile, advice: hostile, code: hostile, flowId: hostile }),
    );
    expect(markup).not.toContain('<img');
    expect(markup.match(/&lt;img src=x onerror=alert\(1\)&gt;/g)).toHaveLength(6);
  });

  test('shows code and reference only where there are some', () => {
    const full = renderPage(errorPage({ title: 't', explanation: 'e', code: 'invalid_client', flowId: 'flow-1' }));
    expect(full).toContain('Error: <code>invalid_client</code>');
    expect(full).toContain('Reference: <code>flow-1</code>');
    const bare = renderPage(errorPage({ title: 't', explanation: 'e' }));
    expect(bare).not.toMatch(/Error:|Reference:|undefined|false/);
  });
});
