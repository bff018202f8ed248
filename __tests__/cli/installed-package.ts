/** The package as an app finds it under its name, without a build: every entry hands on the project's source. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** Makes `express-mcp-auth` importable in a folder, by Node and by the compiler. */
export async function installPackage(folder: string): Promise<void> {
  const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
    exports: Record<string, { default: string } | string>;
  };
  const target = join(folder, 'node_modules', 'express-mcp-auth');
  const entries: Record<string, { types: string; default: string }> = {};
  for (const [name, entry] of Object.entries(manifest.exports)) {
    if (typeof entry === 'string') continue;
    const source = new URL(entry.default.replace('./dist/', '').replace(/\.js$/, '.ts'), root);
    const file = `./${name === '.' ? 'index' : name.slice(2)}`;
    await mkdir(dirname(join(target, file)), { recursive: true });
    await writeFile(join(target, `${file}.mjs`), `export * from '${source.href}';\n`);
    await writeFile(join(target, `${file}.d.mts`), `export * from '${fileURLToPath(source)}';\n`);
    entries[name] = { types: `${file}.d.mts`, default: `${file}.mjs` };
  }
  const own = { name: 'express-mcp-auth', version: '0.0.0', type: 'module', exports: entries };
  await writeFile(join(target, 'package.json'), JSON.stringify(own));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}

/** Arguments of the compiler for files of such a folder: as strict as a careful app. */
export function compilerArguments(files: readonly string[]): string[] {
  return [
    fileURLToPath(new URL('node_modules/typescript/bin/tsc', root)),
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUnusedLocals',
    '--skipLibCheck',
    '--erasableSyntaxOnly',
    '--verbatimModuleSyntax',
    '--allowImportingTsExtensions',
    ...['--target', 'es2023', '--lib', 'es2023', '--module', 'nodenext', '--types', 'node'],
    ...['--typeRoots', fileURLToPath(new URL('node_modules/@types', root))],
    ...files,
  ];
}
