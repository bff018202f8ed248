// `npm run build [-- --out <folder>]`: the package as it is published. Each entry is one file and what entries share stands in
// `lib/chunks`, since a module costs a process more than its code; declarations stay one for each source file.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const { values } = parseArgs({ options: { out: { type: 'string', default: `${root}dist` } } });

/** Sources of all that the manifest names, by output path without extension. */
function entries(): Record<string, string> {
  const exported = Object.values<{ default?: string } | string>(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [] : (target.default ?? []),
  );
  const files = [...exported, ...Object.values<string>(manifest.bin)];
  const names = files.map((file) => file.replace(/^(?:\.\/)?dist\//, '').replace(/\.js$/, ''));
  return Object.fromEntries(names.map((name) => [name, `${root}${name}.ts`]));
}

function emitDeclarations(): void {
  const flags = ['-p', 'tsconfig.build.json', '--outDir', values.out];
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...flags], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the declarations could not be made');
}

async function bundle(): Promise<void> {
  const build = await rolldown({
    input: entries(),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'), // Every package stays a dependency.
  });
  await build.write({
    dir: values.out,
    format: 'esm',
    chunkFileNames: 'lib/chunks/[name]-[hash].js',
    entryFileNames: '[name].js',
    comments: false,
    sourcemap: true,
  });
  await build.close();
}

rmSync(values.out, { recursive: true, force: true });
emitDeclarations();
await bundle();
