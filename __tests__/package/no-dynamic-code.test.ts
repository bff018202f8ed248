import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript5';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The command line imports the configuration file that it is told. */
const computedImports = ['lib/cli/config.ts'];
/** An optional peer is loaded at once, by its literal name, only where it is asked for. */
const syncRequires = ['lib/telemetry/resolve-telemetry-options.ts'];
const forbiddenModules = /^(?:node:)?(?:vm|child_process|worker_threads|module)$/;

/** Everything in a source text that could run code which is not in it. */
function dynamicCode(path: string, text: string): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const isText = (node: ts.Node | undefined) => node !== undefined && ts.isStringLiteral(node);
  const visit = (node: ts.Node): void => {
    const mayRequire = syncRequires.includes(path);
    if (
      ts.isImportDeclaration(node) &&
      !mayRequire &&
      forbiddenModules.test((node.moduleSpecifier as ts.StringLiteral).text)
    )
      found.push(node.getText());
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const { expression } = node;
      const isNamed = (...names: string[]) => ts.isIdentifier(expression) && names.includes(expression.text);
      const isRequired = ts.isCallExpression(expression) && expression.expression.getText() === 'createRequire';
      const isImport = expression.kind === ts.SyntaxKind.ImportKeyword || isNamed('require') || isRequired;
      if (isNamed('eval', 'Function', ...(mayRequire ? [] : ['createRequire']))) found.push(node.getText());
      if (isImport && !isText(node.arguments?.[0]) && !computedImports.includes(path)) found.push(node.getText());
      if (isImport && node.arguments?.[0]?.getText().match(/['"](?:node:)?(?:vm|child_process)['"]/))
        found.push(node.getText());
      if (isNamed('setTimeout', 'setInterval') && isText(node.arguments?.[0])) found.push(node.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.map((code) => `${path}: ${code}`);
}

async function sources(folder: string): Promise<[path: string, text: string][]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(root, path), await readFile(path, 'utf8')] as [string, string];
    }),
  );
}

describe('the library', () => {
  it('runs no code that is not in it: no eval, no new Function, no computed import or require (CWE-95)', async () => {
    const all = [...(await sources('lib')), ...(await sources('adapters'))];
    expect(all.length).toBeGreaterThan(200);
    expect(all.flatMap(([path, text]) => dynamicCode(path, text))).toEqual([]);
  });

  it.each([
    'eval("1")',
    'new Function("return 1")',
    'Function("return 1")',
    'await import(name)',
    'require(name)',
    'createRequire(import.meta.url)',
    "import vm from 'node:vm';",
    'await import("node:child_process")',
    'setTimeout("code", 1)',
  ])('would be found out with %s', (code) => {
    expect(dynamicCode('lib/a.ts', code)).toHaveLength(1);
  });
});
