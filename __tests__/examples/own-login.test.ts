import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const check = fileURLToPath(new URL('../../examples/own-login/check.ts', import.meta.url));

it('the example with the app’s own login does what its README says', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [check], { timeout: 60_000 });
  expect(stdout).toBe('Every step held.\n');
});
