import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { attackClasses, documentedClasses } from '../attacks/classes.ts';

test('docs/security.md has a row for each class of attack that is tried, and no other', () => {
  const document = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const classes = attackClasses();
  expect(classes.length).toBeGreaterThan(0);
  expect(documentedClasses(document).map(({ name, summary }) => ({ name, summary }))).toEqual(classes);
});
