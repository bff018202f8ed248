import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';

const limitMs = 150_000;

/** One process for all of them: loading the libraries takes longer than any story. */
const runAll = `
for (const name of process.argv.slice(1)) {
  console.log('# ' + name);
  await import(new URL(name + '/check.ts', import.meta.resolve('./examples/')));
}`;

/** Runs the self-checks of examples as their READMEs say, and expects each step to be told as held. */
export async function expectEveryStep(examples: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const cwd = new URL('../../', import.meta.url);
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', runAll, ...examples];
  const options = { cwd, timeout: limitMs, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  const told = stdout
    .split(/^# /m)
    .slice(1)
    .map((text) => text.split('\n').filter((line) => line !== ''));
  expect(told.map(([name]) => name)).toEqual(examples);
  for (const [name, ...lines] of told) {
    expect([name, lines.at(-1)]).toEqual([name, 'Every step held.']);
    expect(lines.filter((line) => !/^(?:ok {5}|Every step held\.$)/.test(line))).toEqual([]);
    expect(lines.length).toBeGreaterThan(3);
  }
}
