import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { html } from '../../../lib/shared/html.ts';
import type { PageName } from '../../../lib/shared/pages/models.ts';
import { pageDocument } from '../../../lib/shared/pages/page-document.ts';
import { defaultPages } from '../../../lib/shared/pages/pages.ts';
import { contentsWith, render, serve } from './support.ts';

const names = Object.keys(defaultPages) as PageName[];
const plain = contentsWith('plain');
const titleOf = (body: string) => /<title>(.*?)<\/title>/s.exec(body)?.[1];

describe('every page', () => {
  it('comes with a policy that allows its own style, by a nonce of its own, and nothing else (CSP Level 3 section 2)', async () => {
    const server = serve('error', plain.error);
    const nonces = new Set<string>();
    for (const answer of [await request(server).get('/'), await request(server).get('/')]) {
      const nonce = /<style nonce="([\w-]{22})">/.exec(answer.text)?.[1] ?? '';
      nonces.add(nonce);
      expect(answer.headers['content-security-policy']).toBe(
        `default-src 'none'; style-src 'nonce-${nonce}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      );
    }
    expect(nonces.size).toBe(2);
  });

  it('cannot be framed, sniffed, kept by a cache or named as referrer, and keeps its opener, whatever the app has set (RFC 9700 section 4.16)', async () => {
    const { headers } = await request(serve('consent', plain.consent, { status: 400 }))
      .get('/')
      .expect(400);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-opener-policy': 'unsafe-none',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  });

  it.each(names)('%s has one heading, no script, no inline style attribute and no external asset', (name) => {
    const { body } = render(name, plain[name] as never);
    expect(body.match(/<h1>/g)).toHaveLength(1);
    expect(body).not.toMatch(/<script|\sstyle=|\son\w+=|url\(|@import|(?:src|href)="(?!data:|plain|\/|#)/i);
  });

  it.each(names)('%s escapes every text that it is given (CWE-79)', (name) => {
    const hostile = '"><img src=x onerror=alert(1)>\'{client}';
    const content = contentsWith(hostile)[name];
    const { body } = render(name, content as never);
    expect(body).not.toContain('<img src=x');
    if (Object.keys(content).length > 0)
      expect(body).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;{client}');
  });

  it.each(['en', 'de', 'ar'])('says everything in %s', (language) => {
    for (const name of names) {
      const { body } = render(name, plain[name] as never, { language });
      expect(body).toContain(`<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">`);
      expect(body).not.toMatch(/undefined|\[object|\{\w+\}[^}]*<\/(?:p|h1|dt|dd|li|button|label)>/);
    }
  });

  it('lets its form lead to the places it names, besides here', () => {
    const { headers } = render('consent', plain.consent, {
      settings: { formAction: ['https://client.example', 'cursor:'] },
    });
    expect(headers['content-security-policy']).toContain("; form-action 'self' https://client.example cursor:; ");
  });

  it('says how long it is in bytes, not characters', async () => {
    const answer = await request(serve('error', { kind: 'failed', detail: 'Zürich 🔑' })).get('/');
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)));
    expect(answer.text).toContain('Zürich 🔑');
  });
});

describe('the language', () => {
  const languageOf = (language?: string, uiLocales?: unknown) =>
    /<html lang="([^"]+)"/.exec(
      render('error', plain.error, {
        messages: { 'pt-BR': { errors: { failed: { title: 'Algo deu errado' } } } },
        ...(language !== undefined && { language }),
        settings: { uiLocales },
      }).body,
    )?.[1];

  it('is the one the browser wants most of those there are (RFC 9110 section 12.5.4)', () => {
    expect(languageOf('fr, de;q=0.7, ar;q=0.8')).toBe('ar');
    expect(languageOf('de-CH, en;q=0.9')).toBe('de');
    expect(languageOf('PT-br')).toBe('pt-BR');
    expect(languageOf('de;q=0, en')).toBe('en');
  });

  it('is the one the client asks for before that (OpenID Connect Core section 3.1.2.1)', () => {
    expect(languageOf('en', 'fr-CA de')).toBe('de');
    expect(languageOf('de', 'xx')).toBe('de');
  });

  it.each([undefined, '', '*', ';q=1,,', 'x'.repeat(10_000), '__proto__, constructor'])(
    'is English for %p',
    (language) => {
      expect(languageOf(language, language)).toBe('en');
      expect(languageOf(language, ['de'])).toBe('en');
    },
  );
});

describe('a client name', () => {
  it('stands isolated from the words around it, so that its direction turns nothing else round (CWE-1007)', () => {
    const { body } = render('consent', contentsWith('שלום').consent, { language: 'ar' });
    expect(titleOf(body)).toMatch(/\u2068שלום\u2069/);
    expect(body).toContain('<bdi>שלום</bdi>');
  });

  it('that is missing is said in words', () => {
    const { name: _, ...client } = plain.consent.client;
    const { body } = render('consent', { ...plain.consent, client });
    expect(titleOf(body)).toBe('Allow an application without a name to use plain?');
  });
});

describe('what the app changes', () => {
  it('by messages replaces those texts and leaves the others', () => {
    const messages = { en: { scopes: { plain: 'Read <your> files' }, consent: { allow: 'Yes' } } };
    const { body } = render('consent', plain.consent, { messages });
    expect(body).toContain('<li>Read &lt;your&gt; files</li>');
    expect(body).toContain('>Yes</button>');
    expect(body).toContain('>Deny</button>');
  });

  it('by brand names and paints every page; its address stays in sight', () => {
    const brand = { name: 'Acme & Co', logo: '/logo.svg', accent: '#ffee00', supportUrl: 'mailto:help@acme.example' };
    const { body, headers } = render('error', plain.error, { brand });
    expect(body).toContain('<img src="/logo.svg" alt=""><bdi>Acme &amp; Co</bdi>');
    expect(body).toContain('You are at <bdi>mcp.example.com</bdi>');
    expect(body).toContain('<a href="mailto:help@acme.example">Get help</a>');
    expect(headers['content-security-policy']).toContain("; img-src 'self' data:; ");
  });

  it('by a function is the whole page, under the same headers', () => {
    const { body, headers } = render('consent', plain.consent, {
      consent: (model) =>
        pageDocument(model.page, { title: `Mine: ${model.client.name}`, body: html`<p>${model.action}</p>` }),
    });
    expect(titleOf(body)).toBe('Mine: plain');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-frame-options']).toBe('DENY');
  });
});
