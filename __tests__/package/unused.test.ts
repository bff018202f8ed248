import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

it('no file, export or dependency is unused, and none is missing (knip)', async () => {
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  const knip = ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'];
  const { stdout } = await promisify(execFile)(process.execPath, knip, { cwd }).catch((error) => error);
  expect(stdout.trim()).toBe('');
}, 120_000);
