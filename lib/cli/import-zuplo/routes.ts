import { importCapabilities } from './capabilities.ts';
import { type ImportedIdentity, oauthPolicyTypes } from './identity.ts';
import { type ReportWriter, take } from './report.ts';
import type { Json, Policy, Route } from './source.ts';
import { Code, toSource } from './source-text.ts';
import { importHeaders, importTokenExchange } from './upstream.ts';

/** Routes of the result, and the names that they need of the package. */
export interface ImportedRoutes {
  readonly routes: readonly Json[];
  readonly imports: readonly string[];
}

/** Looks up everything that a route's policies come to. */
function importRoute(
  route: Route,
  policies: ReadonlyMap<string, Policy>,
  identities: readonly ImportedIdentity[],
  report: ReportWriter,
): { members: Json; imports: string[] } {
  const imports: string[] = [];
  const members: Record<string, unknown> = {};
  const headers: Record<string, unknown> = {};
  const providers: string[] = [];
  for (const name of route.policies) {
    const policy = policies.get(name);
    if (!policy) {
      report.left(route.path, `the policy ${name} is not in the policies file`);
      continue;
    }
    const set = importHeaders(policy, report);
    if (set) Object.assign(headers, set);
    else if (oauthPolicyTypes.includes(policy.type))
      providers.push(...identities.filter((identity) => identity.policy === name).map(({ id }) => id));
    else if (policy.type === 'mcp-capability-filter-inbound') members.capabilities = importCapabilities(policy, report);
    else if (policy.type === 'mcp-token-exchange-inbound') {
      const upstream = importTokenExchange(policy, report);
      if (members.upstream !== undefined) report.left(route.path, `a second credential, ${name}: a route has one`);
      else imports.push(upstream.imports);
      members.upstream ??= upstream.code;
    } else report.left(route.path, `the policy ${name} (${policy.type})`);
  }
  if (Object.keys(headers).length > 0) {
    if (members.upstream !== undefined)
      report.left(route.path, `headers beside a credential: ${Object.keys(headers).join(', ')}`);
    else {
      members.upstream = new Code(`staticHeaders(${toSource(headers)})`);
      imports.push('staticHeaders');
    }
  }
  if (providers.length === 0)
    report.check(route.path, 'it had no MCP OAuth policy and was open: it asks for a login here');
  else if (identities.length > 1) members.identityProviders = providers;
  return { members, imports };
}

/** What the routes of routes.oas.json come to. */
export function importRoutes(
  routes: readonly Route[],
  policies: readonly Policy[],
  identities: readonly ImportedIdentity[],
  report: ReportWriter,
): ImportedRoutes {
  const byName = new Map(policies.map((policy) => [policy.name, policy]));
  const imported: Json[] = [];
  const imports = new Set<string>();
  for (const route of routes) {
    const { path, handler, options, summary } = route;
    if (!/^mcpproxyhandler$/i.test(handler)) {
      report.left(
        path,
        `the handler ${handler} is no MCP proxy: serve it in the app, behind auth.authenticate if it is an MCP server`,
      );
      continue;
    }
    if (imported.some((other) => other.path === path)) {
      report.left(path, 'a second route of this path, by another method with other options');
      continue;
    }
    if (!/^\/[A-Za-z0-9._~/-]*$/.test(path)) {
      report.left(path, 'a path with parameters: name each route');
      continue;
    }
    const { rewritePattern: target, forwardSearch } = take(options, ['rewritePattern', 'forwardSearch'], path, report);
    if (typeof target !== 'string') {
      report.left(path, 'it has no rewritePattern');
      continue;
    }
    const { members, imports: needed } = importRoute(route, byName, identities, report);
    for (const name of needed) imports.add(name);
    imported.push({ path, target, displayName: summary, forwardSearch, ...members });
  }
  const used = new Set(routes.flatMap(({ policies: names }) => names));
  for (const { name, type } of policies)
    if (!used.has(name) && !oauthPolicyTypes.includes(type)) report.left(name, `no route uses this policy (${type})`);
  return { routes: imported, imports: [...imports] };
}
