import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { expectEveryStep } from './run-check.ts';

const examples = new URL('../../examples/', import.meta.url);
const names = readdirSync(examples).filter((name) => name !== 'shared');

describe('the self-checks of examples', () => {
  it(
    'hold every step of their stories',
    () => expectEveryStep(['api-keys', 'fastify', 'github-login', 'nestjs', 'nextjs', 'tool-scopes']),
    200_000,
  );
});

describe('examples', () => {
  it.each(names)('%s is one story: a server, a README of at most a page, a self-check that a test runs', (name) => {
    const has = (file: string) => existsSync(new URL(`${name}/${file}`, examples));
    expect(has('README.md')).toBe(true);
    expect(['server.ts', 'server.mjs', 'replica.ts'].some(has)).toBe(true);
    expect(['check.ts', 'check.mjs', 'demo.ts'].some(has)).toBe(true);
    const lines = readFileSync(new URL(`${name}/README.md`, examples), 'utf8').split('\n');
    expect(lines.length).toBeLessThan(60);
    const suites = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.test.ts'));
    const isRun = suites.some((file) => readFileSync(new URL(file, import.meta.url), 'utf8').includes(name));
    expect(isRun).toBe(true);
  });
});
