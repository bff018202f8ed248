import { kindOf, nearestName, type OptionReader } from '../option-reader.ts';
import { shippedMessages } from './messages/shipped.ts';
import { type PageMessages, type PartialPageMessages, withMessages } from './messages.ts';
import type { PageBrand, PageFunctions } from './models.ts';
import { defaultPages } from './pages.ts';

/** `pages` with every catalogue complete. */
export interface ResolvedPages {
  readonly brand: PageBrand;
  readonly catalogues: Readonly<Record<string, PageMessages>> & { readonly en: PageMessages };
  readonly functions: Partial<PageFunctions>;
}

const brandNames = ['name', 'logo', 'accent', 'supportUrl'] as const satisfies readonly (keyof PageBrand)[];

const logoRule = {
  what: "a data:image/ URI, or a path of the issuer's origin such as '/logo.svg'",
  accept: (text: string) => /^data:image\/[a-z+.-]+[;,]/.test(text) || /^\/(?![/\\])[^\s"']*$/.test(text),
};
const accentRule = {
  what: "a colour such as '#1f5eff'",
  accept: (text: string) => /^#[0-9a-f]{6}$/i.test(text),
};
const supportRule = {
  what: 'an https or mailto URL',
  accept: (text: string) => /^(?:https|mailto):$/.test(URL.parse(text)?.protocol ?? ''),
};

function readBrand(pages: OptionReader): PageBrand {
  const brand = pages.group('brand', brandNames);
  const given = {
    name: brand.string('name'),
    logo: brand.string('logo', logoRule),
    accent: brand.string('accent', accentRule),
    supportUrl: brand.string('supportUrl', supportRule),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function isLanguageTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Compares the given texts with a catalogue: the same groups and names, texts for texts. `scopes` may name anything. */
function checkMessages(pages: OptionReader, path: string, given: unknown, known: object, isOpen = false): void {
  if (!isGroup(given)) return pages.problem(path, `must be an object, got ${kindOf(given)}`);
  for (const [name, value] of Object.entries(given)) {
    const expected = known[name as never] as unknown;
    const place = `${path}.${name}`;
    if (expected === undefined && !isOpen) {
      const near = nearestName(name, Object.keys(known));
      pages.problem(place, near ? `is not a message; did you mean pages.${path}.${near}?` : 'is not a message');
    } else if (isGroup(expected)) checkMessages(pages, place, value, expected, name === 'scopes');
    else if (typeof value !== 'string' || value === '')
      pages.problem(place, `must be a non-empty string, got ${kindOf(value)}`);
  }
}

function readCatalogues(pages: OptionReader): ResolvedPages['catalogues'] {
  const given = pages.value('messages') ?? {};
  const { en } = shippedMessages;
  if (!isGroup(given)) {
    pages.problem('messages', `must be an object of texts by language tag, got ${kindOf(given)}`);
    return { ...shippedMessages };
  }
  const before = pages.problems.length;
  for (const [locale, texts] of Object.entries(given)) {
    if (isLanguageTag(locale)) checkMessages(pages, `messages.${locale}`, texts, en);
    else pages.problem('messages', "must have language tags as names, such as 'fr' or 'pt-BR'");
  }
  if (pages.problems.length > before) return { ...shippedMessages };
  const changed = Object.entries(given).map(([locale, texts]) => [
    locale,
    withMessages(shippedMessages[locale] ?? en, texts as PartialPageMessages),
  ]);
  return { ...shippedMessages, ...Object.fromEntries(changed) };
}

/** Reads `pages`. */
export function readPagesOptions(options: OptionReader): ResolvedPages {
  const names = Object.keys(defaultPages) as (keyof PageFunctions)[];
  const pages = options.group('pages', ['brand', 'messages', ...names]);
  const functions = Object.fromEntries(
    names.map((name) => [name, pages.fn(name)]).filter(([, page]) => page !== undefined),
  ) as Partial<PageFunctions>;
  return { brand: readBrand(pages), catalogues: readCatalogues(pages), functions };
}
