import { type ImportedIdentity, importIdentity, oauthPolicyTypes } from './identity.ts';
import { createReport, type Report, type ReportWriter } from './report.ts';
import { importRoutes } from './routes.ts';
import { type Json, readPolicies, readRoutes } from './source.ts';
import { Code, toSource, variable } from './source-text.ts';

/** The result of an import: the text of a config file, and what to know of it. */
export interface ImportedConfig {
  readonly text: string;
  readonly report: Report;
}

/** Settings of the whole server, of which each policy has its own: the first wins. */
function merged(identities: readonly ImportedIdentity[], part: 'gateway' | 'lifetimes', report: ReportWriter): Json {
  const result: Record<string, unknown> = {};
  for (const identity of identities) {
    for (const [name, value] of Object.entries(identity[part])) {
      if (result[name] === undefined) result[name] = value;
      else if (toSource(result[name]) !== toSource(value))
        report.left(identity.policy, `${name}: the whole server has one, that of the first policy`);
    }
  }
  return result;
}

function withUniqueIds(identities: readonly ImportedIdentity[]): ImportedIdentity[] {
  const taken = new Set<string>();
  return identities.map((identity) => {
    let { id } = identity;
    for (let count = 2; taken.has(id); count += 1) id = `${identity.id.slice(0, 29)}-${count}`;
    taken.add(id);
    return { ...identity, id };
  });
}

function loginMembers(identities: readonly ImportedIdentity[], report: ReportWriter): Json {
  const lifetimes = merged(identities, 'lifetimes', report);
  const hasLifetimes = Object.keys(lifetimes).length > 0;
  const [only, ...others] = identities;
  if (only && others.length === 0) {
    const login = only.members.browserLogin;
    if (login) return { ...only.members, browserLogin: { ...login, ...lifetimes } };
    return only.members;
  }
  for (const { policy, id } of identities)
    report.check(policy, `register the redirect URI <issuer>/oauth/callback/${id} at this identity provider`);
  return {
    identityProviders: identities.map(({ id, policy, members }) => ({ id, displayName: policy, ...members })),
    ...(hasLifetimes && { browserLogin: lifetimes }),
  };
}

/** What the commands read of a config file. */
const lastLine = 'export default options;';

const commentLine = (text: string) => ` * - ${text.replace(/\s+/g, ' ').replaceAll('*/', '* /')}`;

function headerComment({ left, check }: Report): string {
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [' *', ` * ${title}`, ...lines.map(commentLine)];
  return [
    '/**',
    ' * Written by `express-mcp-auth import zuplo`.',
    ...part('Has no equivalent and is not in here:', left),
    ...part('To be looked at:', check),
    ' */',
  ].join('\n');
}

/** @param routesDocument routes.oas.json, parsed; undefined where there is none @throws TypeError where a file is none of Zuplo's */
export function importZuplo(policiesDocument: unknown, routesDocument: unknown): ImportedConfig {
  const report = createReport();
  const policies = readPolicies(policiesDocument);
  const routes = routesDocument === undefined ? [] : readRoutes(routesDocument);
  const logins = policies.filter(({ type }) => oauthPolicyTypes.includes(type));
  const identities = withUniqueIds(logins.map((policy) => importIdentity(policy, logins.length === 1, report)));
  if (identities.length === 0) report.left('policies', 'there is no MCP OAuth policy: give oidc and browserLogin');
  const { routes: imported, imports } = importRoutes(routes, policies, identities, report);
  const login = loginMembers(identities, report);
  const gateway = merged(identities, 'gateway', report);
  const idJag = identities.find((identity) => identity.idJag)?.idJag;
  report.check('issuer', 'Zuplo takes it from each request: here it is MCP_OAUTH_ISSUER, or origins for several');
  report.check('storage', 'a SQLite file, for one machine: name Postgres or Redis for several');
  report.check(
    'callback',
    "it is <issuer>/oauth/callback; gateway.basePath: '/__zuplo/oauth' keeps the one that newer gateways registered",
  );
  report.check('clients', 'MCP clients register, and people sign in, once more: nothing of the store is taken over');
  const options = {
    issuer: new Code('issuer'),
    ...login,
    gateway: Object.keys(gateway).length > 0 ? gateway : undefined,
    idJag,
    routes: imported.length > 0 ? imported : undefined,
    storage: new Code("sqliteStorage('./mcp-oauth.sqlite')"),
    secret: variable('MCP_OAUTH_SECRET'),
  };
  const presets = [...new Set(identities.flatMap(({ preset }) => preset ?? []))].sort();
  const names = [...imports, 'sqliteStorage', 'type McpOAuthOptions'].sort((one, other) =>
    one.replace('type ', '') < other.replace('type ', '') ? -1 : 1,
  );
  const text = `${headerComment(report.report)}
import { ${names.join(', ')} } from 'express-mcp-auth';
${presets.map((preset) => `import { ${preset} } from 'express-mcp-auth/identity/${preset}';\n`).join('')}
/** A variable of the environment that must be set. */
function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(\`the environment variable \${name} is not set\`);
  return value;
}

const issuer = ${variable('MCP_OAUTH_ISSUER').text};

const options: McpOAuthOptions = ${toSource(options)};

${lastLine}
`;
  return { text, report: report.report };
}
