import { describe, expect, it, test } from '@jest/globals';
import { accentTones, contrast } from '../../../lib/shared/pages/accent.ts';
import { shippedMessages } from '../../../lib/shared/pages/messages/shipped.ts';
import type { PageMessages } from '../../../lib/shared/pages/messages.ts';
import { problemsOf } from './support.ts';

const rgb = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as never;

test.each(['#1f5eff', '#ffee00', '#000000', '#ffffff', '#7a1fa2', '#00ff88'])(
  'an accent of %s can be read in both colour schemes, and text on it (WCAG 2.2 section 1.4.3)',
  (accent) => {
    const { light, dark } = accentTones(accent);
    for (const ground of ['#ffffff', '#f2f4f7']) expect(contrast(rgb(light), rgb(ground))).toBeGreaterThan(4.5);
    expect(contrast(rgb(dark), rgb('#1b1e24'))).toBeGreaterThan(4.5);
  },
);

describe('the shipped catalogues', () => {
  const textsOf = (value: unknown, path: string): [string, string][] =>
    typeof value === 'string'
      ? [[path, value]]
      : Object.entries(value as object).flatMap(([name, member]) => textsOf(member, `${path}.${name}`));
  const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  const english = textsOf(shippedMessages.en, '');

  it.each(Object.entries(shippedMessages))(
    '%s has every text of English, with the same values in it',
    (_, catalogue) => {
      const texts = new Map(textsOf(catalogue, ''));
      expect([...texts.keys()].sort()).toEqual(english.map(([path]) => path).sort());
      for (const [path, text] of english)
        expect([path, placeholders(texts.get(path) ?? '')]).toEqual([path, placeholders(text)]);
    },
  );

  it.each(['de', 'ar'])('%s repeats no English text', (locale) => {
    const texts = new Map(textsOf(shippedMessages[locale] as PageMessages, ''));
    expect(english.filter(([path, text]) => texts.get(path) === text).map(([path]) => path)).toEqual(
      locale === 'de' ? ['.devLogin.name'] : [],
    );
  });
});

describe('the option pages', () => {
  it('takes a brand, texts and functions', () => {
    const brand = {
      name: 'Acme',
      logo: 'data:image/svg+xml,<svg/>',
      accent: '#AABBCC',
      supportUrl: 'https://a.example',
    };
    const messages = { en: { scopes: { anything: 'x' } }, 'pt-BR': { consent: { allow: 'Permitir' } }, fr: {} };
    expect(problemsOf({ brand, messages, consent: () => ({ markup: '' }) })).toEqual([]);
    expect(problemsOf(undefined)).toEqual([]);
  });

  it.each([
    [{ brnd: {} }, 'pages.brnd: is not an option; did you mean pages.brand?'],
    [{ consent: 'x' }, 'pages.consent: must be a function, got string'],
    [{ brand: { accent: 'red' } }, "pages.brand.accent: must be a colour such as '#1f5eff', got string"],
    [{ brand: { supportUrl: 'javascript:1' } }, 'pages.brand.supportUrl: must be an https or mailto URL, got string'],
    [{ messages: [] }, 'pages.messages: must be an object of texts by language tag, got array'],
    [{ messages: { 'x y': {} } }, "pages.messages: must have language tags as names, such as 'fr' or 'pt-BR'"],
    [{ messages: { en: 'x' } }, 'pages.messages.en: must be an object, got string'],
    [
      { messages: { en: { consent: { alow: 'x' } } } },
      'pages.messages.en.consent.alow: is not a message; did you mean pages.messages.en.consent.allow?',
    ],
    [{ messages: { en: { consent: 1 } } }, 'pages.messages.en.consent: must be an object, got number'],
    [{ messages: { en: { scopes: { a: 1 } } } }, 'pages.messages.en.scopes.a: must be a non-empty string, got number'],
  ])('refuses %p', (pages, problem) => {
    expect(problemsOf(pages)).toEqual([problem]);
  });

  it.each(['https://cdn.example/logo.svg', '//cdn.example/logo.svg', '/\\cdn.example', 'logo.svg', 'data:text/html,x'])(
    'refuses the logo %s: no asset of another origin is loaded',
    (logo) => {
      expect(problemsOf({ brand: { logo } })).toEqual([
        "pages.brand.logo: must be a data:image/ URI, or a path of the issuer's origin such as '/logo.svg', got string",
      ]);
    },
  );
});
