import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const script = fileURLToPath(new URL('../../examples/quickstart/demo.ts', import.meta.url));

describe('examples/quickstart', () => {
  it('holds every step of its demo', async () => {
    const run = promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script]);
    const { stdout } = await run;
    expect(stdout.split('\n').filter((line) => !line.startsWith('ok     '))).toEqual(['', 'Every step held.', '']);
    expect(stdout.match(/^ok {5}/gm)?.length).toBeGreaterThan(10);
  });
});
