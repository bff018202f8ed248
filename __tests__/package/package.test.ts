import { type ExecFileOptions, execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const execute = promisify(execFile);

/** Like `execFile`, with all that a failed program printed in the error's message: compilers explain themselves on stdout. */
async function run(file: string, args: readonly string[], options: Pick<ExecFileOptions, 'cwd' | 'env' | 'timeout'>) {
  try {
    return await execute(file, args, { timeout: PROGRAM_TIMEOUT_MS, ...options });
  } catch (cause) {
    const { message, stdout, stderr } = cause as Error & { stdout: string; stderr: string };
    throw new Error([message, stdout, stderr].join('\n'), { cause });
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = fileURLToPath(new URL('./consumer/', import.meta.url));
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

/** Compilers of consumers. The newer one is this project's own, so that it need not be installed twice. */
const compilers = { '5.9': '5.9.3', '7.0': manifest.devDependencies.typescript };

/** Building, packing and installing; the registry may be slow where npm's cache is cold. */
const INSTALL_TIMEOUT_MS = 240_000;

/** Longest wait for one program; an app that does not end by itself runs into it. */
const PROGRAM_TIMEOUT_MS = 90_000;

type Condition = 'types' | 'default';

let folder: string;
/** The packed tarball. */
let tarball: string;
/** A project that installed it. */
let consumer: string;
/** The package as the consumer has it. */
let installed: string;

/** A copy of what the package is made of: nothing left over from an earlier build, and no build below another's feet. */
async function copySources(target: string): Promise<void> {
  const sources = ['lib', 'adapters', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
  const texts = ['README.md', 'LICENSE', 'CHANGELOG.md'];
  for (const name of [...sources, ...texts]) await cp(join(root, name), join(target, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(target, 'node_modules'), 'dir');
}

/** What npm tells its scripts about this project must not reach an npm that works on another. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local)_/.test(name),
  );
  return Object.fromEntries(inherited);
}

const npm = (cwd: string, ...args: string[]) =>
  run('npm', args, { cwd, env: npmEnvironment(), timeout: INSTALL_TIMEOUT_MS / 2 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  const checkout = join(folder, 'checkout');
  consumer = join(folder, 'consumer');
  await Promise.all([mkdir(checkout), mkdir(consumer)]);
  await copySources(checkout);
  await npm(checkout, 'pack', '--pack-destination', folder);
  tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`);

  const { express, '@types/express': expressTypes, '@types/node': nodeTypes } = manifest.devDependencies;
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await npm(
    consumer,
    ...['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, `express@${express}`],
    ...[`@types/express@${expressTypes}`, `@types/node@${nodeTypes}`, `typescript@${compilers['5.9']}`],
  );
  installed = join(consumer, 'node_modules', manifest.name);
  // As text, the sources are no part of this project's own type check, which has no build of the package to resolve.
  for (const name of await readdir(fixtures))
    await cp(join(fixtures, name), join(consumer, name.replace(/\.txt$/, '')));
}, INSTALL_TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

/** Entries with types, which is all but `./package.json`. */
function entries(): [name: string, target: Record<Condition, string>][] {
  return Object.entries<Record<Condition, string> | string>(manifest.exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target]],
  );
}

const specifierOf = (entry: string) => entry.replace(/^\./, manifest.name);

/** Declarations that a compiler reads when it resolves the entries, with what they name outside the package. */
async function readPublicDeclarations(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const pending = entries().map(([, { types }]) => join(installed, types));
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    const text = await readFile(file, 'utf8');
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
    const imported = [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g)].map(
      (match) => match[1] ?? '',
    );
    const referenced = [...text.matchAll(/^\/\/\/\s*<reference\s+types=['"]([^'"]+)['"]/gm)].map(
      (match) => match[1] ?? '',
    );
    for (const specifier of imported.filter((name) => name.startsWith('.'))) {
      pending.push(join(dirname(file), specifier.replace(/\.[tj]s$/, '.d.ts')));
    }
    found.set(file, [...imported.filter((name) => !name.startsWith('.')), ...referenced]);
  }
  return found;
}

describe('the tarball', () => {
  it('holds the build, README, licence, changelog and package.json, and nothing else', async () => {
    const files = await listFiles(installed);

    const topLevel = new Set(files.map((file) => file.split('/')[0]));
    expect([...topLevel].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json']);
    const built = files.filter((file) => file.startsWith('dist/'));
    expect(built.filter((file) => !/^dist\/(lib|adapters)\/.*\.(js|d\.ts)(\.map)?$/.test(file))).toEqual([]);
  });

  it('holds a file of code for each entry, and chunks with source maps for what they share', async () => {
    const files = (await listFiles(installed)).filter((file) => /\.js(\.map)?$/.test(file));
    const code = files.filter((file) => file.endsWith('.js'));
    const chunks = code.filter((file) => file.startsWith('dist/lib/chunks/'));
    const targets = [...entries().map(([, { default: target }]) => target), ...Object.values<string>(manifest.bin)];

    const expected = [...targets.map((target) => target.replace(/^\.\//, '')), ...chunks];
    expect(code).toEqual(expected.sort());
    expect(files).toEqual(expect.arrayContaining(chunks.map((file) => `${file}.map`)));
    const texts = await Promise.all(code.map((file) => readFile(join(installed, file), 'utf8')));
    for (const chunk of chunks) expect(texts.some((text) => text.includes(chunk.replace(/^.*\//, '/')))).toBe(true);
  });

  it('holds the declarations of every source file', async () => {
    const sources = (
      await Promise.all(
        ['lib', 'adapters'].map(async (name) =>
          (await listFiles(join(root, name))).map((file) => `dist/${name}/${file}`),
        ),
      )
    ).flat();
    const files = await listFiles(installed);

    const expected = sources.map((file) => file.replace(/ts$/, 'd.ts'));
    expect(files.filter((file) => file.endsWith('.d.ts'))).toEqual(expected.sort());
  });

  it('gives publint nothing to suggest', async () => {
    const bytes = new Uint8Array(await readFile(tarball));

    const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });

    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });
});

/** What a consumer installs with the package, by its lock file: names and licences, the package itself left out. */
async function installedPackages(): Promise<Map<string, string>> {
  const lock = JSON.parse(await readFile(join(consumer, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { license?: string; dependencies?: Record<string, string> }>;
  };
  const found = new Map<string, string>();
  const visit = (name: string, from: string): void => {
    const nested = `${from}/node_modules/${name}`;
    const path = lock.packages[nested] ? nested : `node_modules/${name}`;
    const entry = lock.packages[path];
    if (!entry || found.has(path)) return;
    found.set(path, entry.license ?? 'none');
    for (const dependency of Object.keys(entry.dependencies ?? {})) visit(dependency, path);
  };
  for (const name of Object.keys(manifest.dependencies)) visit(name, `node_modules/${manifest.name}`);
  return found;
}

describe('what a consumer gets', () => {
  it('has the command, with everything that it loads when it is wanted', async () => {
    const command = (...args: string[]) =>
      run(process.execPath, [join(consumer, 'node_modules/.bin/express-mcp-auth'), ...args], { cwd: consumer });

    expect((await command('--help')).stdout).toContain('Usage: express-mcp-auth <command>');
    await expect(command('doctor', 'http://127.0.0.1:1/mcp')).rejects.toThrow('gives no answer: ECONNREFUSED');
    await expect(command('import', 'zuplo', 'package.json')).rejects.toThrow('has no array "policies"');
    const clients = command('import', 'clients', 'package.json', '--config', 'missing.config.js');
    await expect(clients).rejects.toThrow('missing.config.js');
    await expect(command('migrate')).rejects.toThrow('--config FILE is needed');
  });

  it('is small: at most 1.4 MB packed, 5 MB on disk', async () => {
    const { size } = await stat(tarball);
    const files = await listFiles(installed);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(installed, file))).size));
    const unpacked = sizes.reduce((sum, each) => sum + each, 0);
    expect(size).toBeLessThan(1_400_000);
    expect(unpacked).toBeLessThan(5_000_000);
  });

  it('is few: five direct dependencies, at most 60 in all, and no install script', async () => {
    expect(Object.keys(manifest.dependencies)).toHaveLength(5);
    const found = await installedPackages();
    expect(found.size).toBeGreaterThan(5);
    expect(found.size).toBeLessThanOrEqual(60);
    const lock = JSON.parse(await readFile(join(consumer, 'package-lock.json'), 'utf8'));
    expect([...found.keys()].filter((path) => lock.packages[path].hasInstallScript)).toEqual([]);
  });

  it('is under licences that ask for no more than their notice', async () => {
    const permissive = /^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0)$/;
    const found = await installedPackages();
    expect([...found].filter(([, licence]) => !permissive.test(licence))).toEqual([]);
  });

  it('has types that every resolution of an ES module finds right', async () => {
    const found = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))));
    if (found.types === false) throw new Error('there are no types');
    // CommonJS of TypeScript before 5.8 cannot require an ES module, and before node16 there were no entries.
    const others = ['node10', 'node16-cjs'];
    const problems = found.problems.filter(
      (problem) => !('resolutionKind' in problem && others.includes(problem.resolutionKind)),
    );
    expect(problems).toEqual([]);
    expect(Object.keys(found.entrypoints)).toHaveLength(entries().length + 1);
  });
});

describe('the installed package', () => {
  it.each(Object.keys(manifest.exports))('resolves its entry %s for import and for require', async (entry) => {
    const script = `
      import { createRequire } from 'node:module';
      import { existsSync } from 'node:fs';
      const files = [createRequire(import.meta.url).resolve(process.argv[1]), new URL(import.meta.resolve(process.argv[1]))];
      process.stdout.write(JSON.stringify(files.map((file) => existsSync(file))));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, specifierOf(entry)], {
      cwd: consumer,
    });

    expect(JSON.parse(stdout)).toEqual([true, true]);
  });

  it.each(['import.mjs', 'require.cjs'])(
    'starts an app, answers it and prints nothing when loaded by %s',
    async (script) => {
      const { stdout, stderr } = await run(process.execPath, [script], { cwd: consumer });

      expect(JSON.parse(stdout)).toEqual({ metadata: 200, isIssuer: true, resource: 401 });
      expect(stderr).toBe('');
    },
  );

  /** URLs of everything that a process loads with an entry. */
  async function loadedWith(specifier: string): Promise<string[]> {
    const script = `
      import { registerHooks } from 'node:module';
      const urls = [];
      registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
      await import(process.argv[1]);
      process.stdout.write(JSON.stringify(urls));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, specifier], { cwd: consumer });
    return JSON.parse(stdout);
  }

  it('has the same classes in every entry, so that instanceof holds', async () => {
    const script = `
      const names = ['', '/resource'].map((entry) => process.argv[1] + entry);
      const [main, resource] = await Promise.all(names.map((name) => import(name)));
      process.stdout.write(String(main.OAuthError === resource.OAuthError && main.ConfigurationError === resource.ConfigurationError));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, manifest.name], {
      cwd: consumer,
    });
    expect(stdout).toBe('true');
  });

  it('loads no other package with its light entry', async () => {
    const urls = (await loadedWith(`${manifest.name}/resource`)).filter((url) => url.startsWith('file:'));
    expect(urls.filter((url) => !url.includes(`/node_modules/${manifest.name}/dist/lib/`))).toEqual([]);
    expect(urls.length).toBeGreaterThan(0);
  });

  it('loads no adapter with its main entry', async () => {
    const urls = await loadedWith(manifest.name);
    expect(urls.filter((url) => url.includes(`${manifest.name}/dist/lib/`)).length).toBeGreaterThan(1);
    expect(urls.filter((url) => url.includes('/dist/adapters/'))).toEqual([]);
  });
});

describe('the declarations', () => {
  it.each(Object.keys(compilers) as (keyof typeof compilers)[])(
    'compile in a strict consumer that checks libraries, with TypeScript %s',
    async (version) => {
      const compiler = join(version === '5.9' ? consumer : root, 'node_modules/typescript/bin/tsc');
      const options = {
        strict: true,
        skipLibCheck: false,
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023'],
        types: ['node'],
        noEmit: true,
      };
      const project = join(consumer, `tsconfig.${version}.json`);
      await writeFile(project, JSON.stringify({ compilerOptions: options, files: ['app.ts', 'app.cts'] }));

      const printed = await run(process.execPath, [compiler, '--version'], {});
      expect(printed.stdout.trim()).toBe(`Version ${compilers[version]}`);
      const result = await run(process.execPath, [compiler, '-p', project], { cwd: consumer });
      expect(result).toEqual({ stdout: '', stderr: '' });
    },
    2 * PROGRAM_TIMEOUT_MS,
  );

  it('are all used by the consumer that is compiled', async () => {
    const consumerText = await readFile(join(consumer, 'app.ts'), 'utf8');
    const used = new Set(consumerText.replace(/^\s*\/\/.*$/gm, '').match(/\w+/g));

    const missing: string[] = [];
    for (const [, { types }] of entries()) {
      const text = await readFile(join(installed, types), 'utf8');
      const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(
        (match) => match[1]?.split(',') ?? [],
      );
      const declared = [
        ...text.matchAll(/^export (?:declare )?(?:abstract )?(?:interface|type|function|class|const) (\w+)/gm),
      ];
      const names = [
        ...lists.map((name) => name.trim().replace(/^(?:type )?(?:.* as )?/, '')),
        ...declared.map((match) => match[1] ?? ''),
      ];
      expect(names.length).toBeGreaterThan(0);
      missing.push(...names.filter((name) => name !== '' && !used.has(name)));
    }
    expect(missing).toEqual([]);
  });

  it('name no types but those of Node and of dependencies that bring their own', async () => {
    const declarations = await readPublicDeclarations();
    const typed: string[] = [];
    for (const name of Object.keys(manifest.dependencies)) {
      const dependency = JSON.parse(await readFile(join(consumer, 'node_modules', name, 'package.json'), 'utf8'));
      if (dependency.types !== undefined) typed.push(name);
    }
    // Its types are a package of their own, which a consumer does not have.
    expect(typed).not.toContain('oidc-provider');

    const foreign = [...declarations].flatMap(([file, names]) =>
      names
        .filter((name) => !name.startsWith('node:') && !typed.includes(name))
        .map((name) => `${relative(installed, file)}: ${name}`),
    );
    expect(foreign).toEqual([]);
    expect(declarations.size).toBeGreaterThan(entries().length);
  });
});
