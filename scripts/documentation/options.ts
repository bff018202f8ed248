import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript5';
import { cell, code, commentOf, type Member, membersOf, readDeclarations, root } from './declarations.ts';

/** Public types that are options, or parts of some, though their names do not end so. */
const parts =
  /(?:Options|^RateLimit|^RolesClaim|^MappedIdentity|^OwnIdentity|^TrustedIdJagIssuer|^Capabilities|^Capability\w+|^UpstreamClient\w+)$/;

/** Where each public type is declared, in the order in which `lib/index.ts` names their files. */
function publicTypes(): { name: string; path: string }[] {
  const index = readFileSync(`${root}lib/index.ts`, 'utf8');
  const file = ts.createSourceFile('index.ts', index, ts.ScriptTarget.Latest, true);
  return file.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause || !statement.moduleSpecifier) return [];
    if (!ts.isNamedExports(statement.exportClause)) return [];
    const path = posix.join('lib', (statement.moduleSpecifier as ts.StringLiteral).text);
    return statement.exportClause.elements.map(({ name }) => ({ name: name.text, path }));
  });
}

/** What the reader asks for first. */
const first = [
  'McpOAuthOptions',
  'OidcOptions',
  'BrowserLoginOptions',
  'GatewayOptions',
  'RouteOptions',
  'AuthenticateOptions',
  'ProxyOptions',
];
const rank = (name: string) => (first.includes(name) ? first.indexOf(name) : first.length);

function row(member: Member, print: (node: ts.Node) => string): string {
  const { name, isOptional, type, text, defaultValue } = member;
  const shown = defaultValue ?? (isOptional ? '' : 'required');
  return `| ${code(name)} | ${cell(code(print(type)))} | ${cell(shown)} | ${cell(text)} |`;
}

/** The declaration of a type that a file may hand on from another one. */
function section(name: string, path: string): string | undefined {
  if (!existsSync(`${root}${path}`)) return undefined;
  const { interfaces, print } = readDeclarations(path);
  const found = interfaces.get(name);
  if (!found) return undefined;
  const inherited = (found.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => print(type)));
  const rows = membersOf(found).map((member) => row(member, print));
  const also = inherited.length > 0 ? `\n\nAnd everything of ${inherited.map(code).join(' and ')}.` : '';
  if (rows.length === 0) return `## ${name}\n\n${commentOf(found).text}${also}\n`;
  return `## ${name}

${commentOf(found).text}

| option | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}${also}
`;
}

/** The text of docs/options.md: all of it is read from the types. */
export function renderOptions(): string {
  const named = publicTypes().filter(({ name }) => parts.test(name));
  const sections = named
    .map((type, index) => ({ ...type, index }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.index - b.index)
    .flatMap(({ name, path }) => section(name, path) ?? []);
  return `# Options

<!-- Made by \`node scripts/documentation.ts\` from the types. Do not edit. -->

Every option of \`mcpOAuth()\` and of what it gives, with type, default and range. All problems are told at once when it starts, unknown names with the nearest
one. Options of the [identity providers' presets](identity-providers.md), of [stores](storage.md) and of [express-mcp-auth/resource](resource.md) are on their pages.

${sections.join('\n')}`;
}
