import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

/** Beyond this, a file holds a second concept. */
const MAX_LINES = 400;

/** Folders of lib that every stage may import. */
const common = ['shared', 'storage'];

interface SourceFile {
  /** From the project's root, such as `lib/proxy/proxy.ts`. */
  readonly path: string;
  readonly text: string;
  /** Every relative specifier, types and dynamic imports too, as a path from the project's root. */
  readonly imports: readonly string[];
}

/** Comments go first: their examples import too. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

async function readSources(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  return Promise.all(
    files.map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = relative(root, file);
      const text = await readFile(file, 'utf8');
      const specifiers = withoutComments(text).matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.[^'"]*)['"]/g);
      return { path, text, imports: [...specifiers].map((match) => posix.join(dirname(path), match[1] ?? '')) };
    }),
  );
}

const lib = await readSources('lib');
const adapters = await readSources('adapters');

/** The stage of a file in lib; undefined for the root and other folders of the project. */
const stageOf = (path: string) => /^lib\/([^/]+)\/./.exec(path)?.[1];

/** `importer -> imported` of all imports that a rule forbids. */
function forbidden(
  files: readonly SourceFile[],
  isForbidden: (imported: string, importer: string) => boolean,
): string[] {
  return files.flatMap(({ path, imports }) =>
    imports.filter((imported) => isForbidden(imported, path)).map((imported) => `${path} -> ${imported}`),
  );
}

/** The public names of an entry file with the file that declares each. */
async function readExports(entry: string): Promise<{ name: string; file: string }[]> {
  const text = withoutComments(await readFile(join(root, entry), 'utf8'));
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from '([^']+)')?/gm)].flatMap(
    ([, names = '', from]) =>
      names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter(Boolean)
        .map((name) => ({ name, file: from === undefined ? entry : posix.join(dirname(entry), from) })),
  );
  const declarations = [...text.matchAll(declaration('(\\w+)'))].map(([, name = '']) => ({ name, file: entry }));
  return [...lists, ...declarations];
}

function declaration(name: string): RegExp {
  return new RegExp(`^export (?:async )?(?:abstract )?(?:interface|type|function|class|const) ${name}\\b`, 'gm');
}

/** Whether a doc comment stands directly above the declaration. */
function isDocumented(text: string, name: string): boolean {
  const [match] = text.matchAll(declaration(name));
  return match !== undefined && /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.test(text.slice(0, match.index));
}

/** The source file of a path in the exports map. */
const sourceOf = (target: string) => target.replace(/^\.\/dist\//, '').replace(/(\.d\.ts|\.js)$/, '.ts');

const entries = Object.entries(manifest.exports as Record<string, string | Record<string, string>>);
const entrySources = entries.flatMap(([, target]) =>
  typeof target === 'string' ? [] : [sourceOf(target.types ?? '')],
);

describe('the layout', () => {
  it('keeps each stage to itself, lib/shared, lib/storage and the lib root', () => {
    const stages = lib.filter(({ path }) => stageOf(path) !== undefined);
    expect(stages.flatMap(({ imports }) => imports).length).toBeGreaterThan(50);

    const crossing = forbidden(stages, (imported, importer) => {
      const stage = stageOf(imported);
      return stage !== undefined && stage !== stageOf(importer) && !common.includes(stage);
    });

    expect(crossing).toEqual([]);
  });

  it('lets no file of lib but the entry points name the file that joins the stages', () => {
    const joined = ['lib/index.ts', 'lib/mcp-oauth.ts'];

    const users = forbidden(
      lib,
      (imported, importer) => joined.includes(imported) && importer !== 'lib/index.ts' && stageOf(importer) !== 'cli',
    );

    expect(users).toEqual([]);
  });

  it('lets nothing in lib import an adapter', () => {
    expect(adapters.length).toBeGreaterThan(0);

    expect(forbidden(lib, (imported) => !imported.startsWith('lib/'))).toEqual([]);
  });

  it('lets an adapter import nothing outside adapters and lib', () => {
    expect(forbidden(adapters, (imported) => !/^(adapters|lib)\//.test(imported))).toEqual([]);
  });

  it(`has no file in lib of more than ${MAX_LINES} lines`, () => {
    const lengths = lib.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));

    expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
  });
});

describe('the public surface', () => {
  it('is exported by name: no default export and no export of everything', () => {
    const wildcards = [...lib, ...adapters].filter(({ text }) =>
      /^export (default\b|\*|\{[^}]*\bas default\b)/m.test(withoutComments(text)),
    );

    expect(wildcards.map(({ path }) => path)).toEqual([]);
  });

  it.each(entrySources)('says in a doc comment what each export of %s is', async (entry) => {
    const sources = new Map([...lib, ...adapters].map(({ path, text }) => [path, text]));
    const exported = await readExports(entry);
    expect(exported.length).toBeGreaterThan(0);

    const undocumented = exported.filter(({ name, file }) => !isDocumented(sources.get(file) ?? '', name));

    expect(undocumented.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
  });

  it('has an entry for each name, types first, that points at the build of one source file', () => {
    const paths = new Set([...lib, ...adapters].map(({ path }) => path));

    for (const [name, target] of entries.filter(([, target]) => typeof target !== 'string')) {
      expect(name).not.toContain('*');
      expect(Object.keys(target)).toEqual(['types', 'default']);
      expect(new Set(Object.values(target).map(sourceOf)).size).toBe(1);
    }
    expect(entrySources.filter((source) => !paths.has(source))).toEqual([]);
    expect(entries.filter(([, target]) => typeof target === 'string')).toEqual([['./package.json', './package.json']]);
  });

  it('gives each adapter an entry of its own, so that none is loaded by accident', async () => {
    const names = adapters.flatMap(
      ({ path }) => /^adapters\/(storage\/[^/]+|identity|identity\/[^/]+)\.ts$/.exec(path)?.[1] ?? [],
    );
    expect(names).toEqual(expect.arrayContaining(['storage/contract', 'identity', 'identity/okta']));

    expect(names.filter((name) => !(`./${name}` in manifest.exports))).toEqual([]);
  });
});
