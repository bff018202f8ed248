import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import * as presets from '../../adapters/identity.ts';
import { renderIdentityProviders } from '../../scripts/identity-providers/render.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = await readFile(join(root, 'docs/identity-providers.md'), 'utf8');
const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

/** What the compiler says of modules that import the package by its names; nothing where they are right. */
async function compile(modules: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'documentation-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await Promise.all(modules.map((code, index) => writeFile(join(folder, `example-${index}.ts`), code)));
    const paths = {
      'express-mcp-auth': [join(root, 'lib/index.ts')],
      'express-mcp-auth/identity': [join(root, 'adapters/identity.ts')],
      'express-mcp-auth/testing': [join(root, 'lib/testing.ts')],
    };
    // As a reader's project would have it: without exactOptionalPropertyTypes.
    const compilerOptions = { paths, exactOptionalPropertyTypes: false };
    const options = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    return await promisify(execFile)(process.execPath, [compiler, '-p', folder]).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('docs/identity-providers.md', () => {
  it('is what `node scripts/identity-providers.ts` makes of the recipes, the table and the profiles', () => {
    expect(text).toBe(renderIdentityProviders());
  });

  it('has an example for each preset, and all compile', async () => {
    const used = examples.flatMap((code) => /^ {2}\.\.\.(\w+)\(/m.exec(code)?.[1] ?? []);
    expect([...new Set(used)].sort()).toEqual(Object.keys(presets).sort());
    expect(await compile(examples)).toBe('');
  });

  it('says plainly that the profiles were checked against public documents only', () => {
    expect(text).toMatch(/only; none was checked against the running service/);
  });
});
