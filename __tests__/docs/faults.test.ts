import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { faults } from '../../scripts/faults/catalogue.ts';

const at = (path: string) => new URL(`../../${path}`, import.meta.url);
const rows = readFileSync(at('docs/faults.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| F-\d\d \|/.test(line));

describe('the catalogue of faults', () => {
  it('has all 44, in order', () => {
    expect(faults.map(({ id }) => id)).toEqual(
      Array.from({ length: 44 }, (_, n) => `F-${String(n + 1).padStart(2, '0')}`),
    );
  });

  it.each(faults.map(({ id, suites }) => ({ id, suites })))(
    '$id is recorded by the suites that it names',
    ({ id, suites }) => {
      const sources = suites.map((suite) => {
        const path = at(`__tests__/${suite}`);
        expect([suite, existsSync(path)]).toEqual([suite, true]);
        const source = readFileSync(path, 'utf8');
        // Suites of several stores share their tests.
        const shared = [...source.matchAll(/from '(\.\/[\w-]+\.ts)'/g)].map(([, file = '']) => new URL(file, path));
        return [source, ...shared.map((file) => readFileSync(file, 'utf8'))].join('\n');
      });
      for (const source of sources) expect(source).toMatch(new RegExp(`ecord(Figure)?\\(\\s*'${id}'`));
    },
  );
});

describe('docs/faults.md', () => {
  it.each(faults.map(({ id, requirement }) => ({ id, requirement })))('has a figure of $id', ({ id, requirement }) => {
    const row = rows.find((line) => line.startsWith(`| ${id} |`));
    expect(row).toContain(requirement);
    expect(row).not.toContain('not measured');
  });
});
