import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { eventTraits } from '../../lib/shared/events.ts';
import { root } from '../../scripts/documentation/declarations.ts';
import { generatedPages } from '../../scripts/documentation/pages.ts';

describe('pages that are made from the types', () => {
  it.each(Object.keys(generatedPages))('%s is what `node scripts/documentation.ts` makes now', (path) => {
    expect(readFileSync(`${root}${path}`, 'utf8')).toBe(generatedPages[path]?.());
  });
});

describe('docs/events.md', () => {
  const text = readFileSync(`${root}docs/events.md`, 'utf8');

  it.each(Object.keys(eventTraits))('says when %s happens', (type) => {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${type}\``));
    expect(
      row
        ?.split(/(?<!\\)\|/)
        .at(-2)
        ?.trim(),
    ).toMatch(/\w{2}/);
  });
});
