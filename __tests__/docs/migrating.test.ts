import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { compilerArguments, installPackage } from '../cli/installed-package.ts';
import { openWorkplace, type Workplace } from '../cli/workplace.ts';

const text = readFileSync(new URL('../../docs/migrating.md', import.meta.url), 'utf8');
const snippets = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

let workplace: Workplace;
beforeAll(async () => {
  workplace = await openWorkplace();
  await installPackage(workplace.folder);
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  await mkdir(join(workplace.folder, 'node_modules'), { recursive: true });
  for (const name of ['express', '@types', '@modelcontextprotocol'])
    await symlink(join(modules, name), join(workplace.folder, 'node_modules', name), 'dir');
});
afterAll(() => workplace.remove());

it('has snippets of docs/migrating.md that compile, before and after', async () => {
  expect(snippets.length).toBe(6);
  const files = snippets.map((_code, index) => `snippet-${index}.ts`);
  for (const [index, file] of files.entries()) await writeFile(join(workplace.folder, file), snippets[index] ?? '');
  const { stdout } = await promisify(execFile)(process.execPath, compilerArguments(files), {
    cwd: workplace.folder,
  }).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
});
