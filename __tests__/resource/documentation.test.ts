import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = await readFile(join(root, 'docs/resource.md'), 'utf8');
const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

/** What the compiler says of modules that import the package by its names; nothing where they are right. */
async function compile(modules: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'documentation-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await Promise.all(modules.map((code, index) => writeFile(join(folder, `example-${index}.ts`), code)));
    const paths = {
      'express-mcp-auth': [join(root, 'lib/index.ts')],
      'express-mcp-auth/resource': [join(root, 'lib/resource.ts')],
      'express-mcp-auth/storage/redis': [join(root, 'adapters/storage/redis.ts')],
    };
    const options = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { paths },
      include: ['*.ts'],
      exclude: [],
    };
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

describe('docs/resource.md', () => {
  it('has examples that compile', async () => {
    expect(examples.length).toBeGreaterThan(2);
    expect(await compile(examples)).toBe('');
  });

  it('would be told of an example that does not', async () => {
    const [first = ''] = examples;

    expect(await compile([first.replace('origin:', 'orgin:')])).toContain('orgin');
  });

  it('says how long a revoked token works on, for each way of checking', () => {
    expect(text).toMatch(/`'jwt'`.*until it expires/);
    expect(text).toMatch(/`'introspection'`.*`tokenCacheSeconds`/);
  });
});
