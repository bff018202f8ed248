import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from '../../scripts/documentation/declarations.ts';

const folders = [
  '.',
  'docs',
  'docs/benchmarks',
  ...readdirSync(join(root, 'examples')).map((name) => `examples/${name}`),
];
const pages = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => normalize(join(folder, name))),
);

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const withoutCode = (text: string) =>
  text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));

/** As GitHub and VitePress make them of headings. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
    const slug = plain
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  for (const [, id = ''] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map(([, target = '']) => target);
}

/** Links of a page that lead nowhere in this repository. */
function broken(path: string): string[] {
  return linksOf(read(path)).filter((target) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
    if (found.startsWith('..') || !existsSync(join(root, found))) return true;
    if (anchor === undefined || statSync(join(root, found)).isDirectory()) return false;
    return found.endsWith('.md') && !anchorsOf(read(found)).has(anchor);
  });
}

describe('links', () => {
  it('are found on many pages', () => {
    expect(pages.length).toBeGreaterThan(25);
    expect(pages.flatMap((path) => linksOf(read(path))).length).toBeGreaterThan(150);
  });

  it.each(pages)('of %s lead to files and headings that exist', (path) => {
    expect(broken(path)).toEqual([]);
  });

  it('would be found out', () => {
    expect(anchorsOf('## What is `yours`?\n## What is yours\n')).toEqual(new Set(['what-is-yours', 'what-is-yours-1']));
    expect(linksOf('[a](b.md#c) `[d](e)` ![f](g.svg)')).toEqual(['b.md#c', 'g.svg']);
  });
});

describe('the site', () => {
  const config = read('docs/.vitepress/config.mts');
  const named = [...(/const groups[\s\S]*?\n};/.exec(config)?.[0] ?? '').matchAll(/'([\w-]+)'/g)].map(
    ([, name = '']) => name,
  );

  it('has every page that its menu names', () => {
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !existsSync(join(root, `docs/${name}.md`)))).toEqual([]);
  });

  it('has a page for every entry of the package in its reference', () => {
    const { exports } = JSON.parse(read('package.json'));
    const { entryPoints } = JSON.parse(read('docs/typedoc.json')) as { entryPoints: string[] };
    const sources = Object.values<{ types?: string }>(exports).flatMap(({ types }) =>
      types ? [types.replace('./dist/', '../').replace(/\.d\.ts$/, '.ts')] : [],
    );
    // Each preset is part of the entry of all of them.
    expect(sources.filter((source) => !source.startsWith('../adapters/identity/')).sort()).toEqual(entryPoints.sort());
  });
});
