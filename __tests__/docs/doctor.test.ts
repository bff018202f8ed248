import { describe, expect, it } from '@jest/globals';
import { linkOf } from '../../lib/cli/doctor/check.ts';
import { allChecks } from '../../lib/cli/doctor/doctor.ts';
import { documents } from '../cli/doctor/documentation.ts';

describe('the documentation of doctor', () => {
  it.each(documents().map((document) => [document.path, document] as const))(
    'in %s says what the checks say: `npm run doctor-docs` writes it anew',
    (_path, { present, wanted }) => {
      expect(present).toBe(wanted);
    },
  );

  it('has a place for every link of a finding, and an id for every check once', () => {
    const errors = documents().find(({ path }) => path === 'docs/errors.md')?.present ?? '';
    const ids = allChecks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id))).toEqual([]);
    const links = ids.map((id) => linkOf(id).replace('docs/errors.md#', ''));
    expect(links.filter((anchor) => !errors.includes(`<a id="${anchor}"></a>`))).toEqual([]);
  });
});
