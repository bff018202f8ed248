import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = await readFile(`${root}.github/workflows/release.yml`, 'utf8');

interface Job {
  readonly permissions: Readonly<Record<string, string>>;
  readonly needs?: string;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

const { permissions, jobs } = parse(text) as { permissions: object; jobs: { check: Job; publish: Job } };
const runsOf = ({ steps }: Job) => steps.flatMap(({ run }) => run ?? []);

describe('the release workflow', () => {
  it('pins each action by its hash', () => {
    const used = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  });

  it('audits, and runs the whole suite, before anything may be published', () => {
    const runs = runsOf(jobs.check);
    expect(runs).toEqual(expect.arrayContaining(['npm audit --omit=dev --audit-level=low', 'npm audit signatures']));
    expect(runs.at(-1)).toMatch(/\.ci\/run$/);
    expect(jobs.publish.needs).toBe('check');
  });

  it('publishes with provenance, by an identity that only this step has', () => {
    expect(permissions).toEqual({});
    expect(jobs.check.permissions).toEqual({ contents: 'read' });
    expect(jobs.publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(runsOf(jobs.publish).at(-1)).toMatch(/^npm publish --provenance /m);
    expect(text).not.toMatch(/secrets\./);
  });

  it('says that it was never run', () => {
    expect(text).toMatch(/^# .*never run/m);
  });
});
