import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { root } from '../../scripts/documentation/declarations.ts';

const text = readFileSync(`${root}docs/parity.md`, 'utf8');

/** Rows of its tables: the feature, and the tests that show it. */
const rows = text
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => {
    const [, , feature = '', , shownBy = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const tests = shownBy.split('<br>').map((shown) => /^`([\w./-]+)`: (.+)$/.exec(shown)?.slice(1) ?? [shown, '']);
    return { feature, tests: tests as [file: string, title: string][] };
  });

/** Titles of tests, as far as they are literals: those of tables with their placeholders. */
function titlesIn(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  const literals = source.matchAll(
    /(?:^\s*|\(\s*)(['"`])((?:\\.|(?!\1).)+)\1,\s*(?:async\s*)?(?:\(|function|\w+ =>|\n)/gm,
  );
  return [...literals].map(([, , title = '']) => title.replace(/\\(.)/g, '$1').replaceAll('`', ''));
}

describe('docs/parity.md', () => {
  it('has all its rows, numbered one after the other', () => {
    expect(rows.length).toBeGreaterThan(70);
    const numbers = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(rows.map((_, index) => index + 1));
  });

  it.each(rows.map(({ feature, tests }) => [feature, tests] as const))('names tests that exist: %s', (_, tests) => {
    expect(tests.length).toBeGreaterThan(0);
    const missing = tests.filter(([file, title]) => {
      const path = `${root}__tests__/${file}.test.ts`;
      return !existsSync(path) || !titlesIn(path).includes(title.replaceAll('\\|', '|'));
    });
    expect(missing).toEqual([]);
  });
});
