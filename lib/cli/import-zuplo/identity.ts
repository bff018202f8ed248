import { type ReportWriter, take } from './report.ts';
import { type Json, objectOf, type Policy, textOf } from './source.ts';
import { Code, toSource, variable } from './source-text.ts';

/** The preset of each wrapper policy, and the options that both have. */
const wrappers: Readonly<Record<string, { readonly preset: string; readonly own: readonly string[] }>> = {
  'mcp-auth0-oauth-inbound': { preset: 'auth0', own: ['auth0Domain', 'audience'] },
  'mcp-clerk-oauth-inbound': { preset: 'clerk', own: ['frontendApiUrl'] },
  'mcp-cognito-oauth-inbound': { preset: 'cognito', own: ['awsRegion', 'userPoolId', 'userPoolDomain'] },
  'mcp-entra-oauth-inbound': { preset: 'entra', own: ['tenantId'] },
  'mcp-google-oauth-inbound': { preset: 'google', own: [] },
  'mcp-keycloak-oauth-inbound': { preset: 'keycloak', own: ['keycloakBaseUrl', 'realm'] },
  'mcp-logto-oauth-inbound': { preset: 'logto', own: ['logtoEndpoint'] },
  'mcp-okta-oauth-inbound': { preset: 'okta', own: ['oktaDomain', 'authorizationServerId'] },
  'mcp-onelogin-oauth-inbound': { preset: 'onelogin', own: ['oneLoginSubdomain'] },
  'mcp-ping-oauth-inbound': { preset: 'ping', own: ['environmentId', 'region', 'customDomain'] },
  'mcp-workos-oauth-inbound': { preset: 'workos', own: [] },
};

const generic = 'mcp-oauth-inbound';
const wrapperNames = ['clientId', 'clientSecret', 'scope', 'gateway', 'browserLoginOverrides'];
const loginNames = ['url', 'tokenUrl', 'clientId', 'clientSecret', 'scope', 'audience'];
const lifetimeNames = ['stateTtlSeconds', 'sessionTtlSeconds'];
const gatewayNames = ['accessTokenTtlSeconds', 'refreshTokenTtlSeconds', 'cimdEnabled'];
const idJagNames = ['trustedIssuers', 'maxAgeSeconds', 'clockToleranceSeconds', 'replay', 'issueRefreshToken'];

/** Types of the MCP OAuth policies: the generic one and the wrappers. */
export const oauthPolicyTypes: readonly string[] = [generic, ...Object.keys(wrappers)];

/** One identity provider of the result. */
export interface ImportedIdentity {
  readonly policy: string;
  /** Its id where there are several. */
  readonly id: string;
  /** Members of the options, or of an entry of `identityProviders`. */
  readonly members: Readonly<Record<string, unknown>>;
  /** The whole server's. */
  readonly gateway: Json;
  readonly lifetimes: Json;
  readonly idJag: Json | undefined;
  /** Name of the preset to import. */
  readonly preset: string | undefined;
}

/** What Zuplo takes from the environment arrives as text. */
function typed(members: Record<string, unknown>): Json {
  const numeric = (name: string) => /(?:Seconds|Ms)$/.test(name);
  const entries = Object.entries(members).map(([name, value]) => {
    if (typeof value !== 'string') return [name, value];
    return [name, new Code(numeric(name) ? `Number(${toSource(value)})` : `${toSource(value)} === 'true'`)];
  });
  return Object.fromEntries(entries);
}

/** An id for a redirect URI: lower-case letters, digits and hyphens. */
export function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return slug === '' ? 'provider' : slug;
}

function readIdJag(options: Json, where: string, report: ReportWriter): Json | undefined {
  if (options.idJag === undefined) return undefined;
  const given = objectOf(options.idJag);
  if (Array.isArray(given.trustedIssuers)) {
    report.check(where, 'idJag is taken over by its names: compare it with docs/id-jag.md');
    return take(given, idJagNames, `${where}: idJag`, report);
  }
  report.left(where, 'idJag: name the issuers in idJag.trustedIssuers, see docs/id-jag.md');
  return undefined;
}

function genericMembers(options: Json, where: string, report: ReportWriter): Record<string, unknown> {
  take(options, ['oidc', 'browserLogin', 'gateway', 'idJag'], where, report);
  const login = take(
    objectOf(options.browserLogin),
    [...loginNames, 'remoteTimeoutMs', ...lifetimeNames],
    `${where}: browserLogin`,
    report,
  );
  if (/\/oauth\/dev-login$/.test(textOf(login.url) ?? '')) {
    report.check(where, 'the dev login works on loopback issuers only, and never in production');
    return { browserLogin: { url: new Code('`$' + '{issuer}/oauth/dev-login`') } };
  }
  const oidc = take(objectOf(options.oidc), ['issuer', 'jwksUrl', 'audience'], `${where}: oidc`, report);
  const own = Object.fromEntries(
    loginNames.filter((name) => login[name] !== undefined).map((name) => [name, login[name]]),
  );
  for (const [name, environment] of [
    ['clientId', 'MCP_OAUTH_CLIENT_ID'],
    ['clientSecret', 'MCP_OAUTH_CLIENT_SECRET'],
  ] as const) {
    if (own[name] !== undefined) continue;
    own[name] = variable(environment);
    report.check(where, `browserLogin.${name} is not given: it is read from ${environment}`);
  }
  const timeout = typed(login.remoteTimeoutMs === undefined ? {} : { remoteTimeoutMs: login.remoteTimeoutMs });
  return { oidc, browserLogin: { ...own, ...timeout } };
}

function presetMembers(
  policy: Policy,
  isOnly: boolean,
  report: ReportWriter,
): { members: Record<string, unknown>; preset: string } {
  const { preset = '', own = [] } = wrappers[policy.type] ?? {};
  const given = take(policy.options, [...own, ...wrapperNames, 'idJag'], policy.name, report);
  const { gateway: _, browserLoginOverrides, idJag: __, ...rest } = given;
  const overrides = take(
    objectOf(browserLoginOverrides),
    ['remoteTimeoutMs', ...lifetimeNames],
    `${policy.name}: browserLoginOverrides`,
    report,
  );
  const { remoteTimeoutMs } = overrides;
  const kept = isOnly ? overrides : { ...(remoteTimeoutMs !== undefined && { remoteTimeoutMs }) };
  const values = { ...rest, ...(Object.keys(kept).length > 0 && { browserLoginOverrides: typed(kept) }) };
  if (policy.type === 'mcp-entra-oauth-inbound')
    report.check(policy.name, 'users are named by tid and oid instead of sub, which differs by application');
  return { members: { [`...${preset}`]: new Code(`${preset}(${toSource(values)})`) }, preset };
}

/** What one MCP OAuth policy comes to. @param isOnly of the only one, lifetimes stay where they are */
export function importIdentity(policy: Policy, isOnly: boolean, report: ReportWriter): ImportedIdentity {
  const { name, options, type } = policy;
  const isGeneric = type === generic;
  const { members, preset } = isGeneric
    ? { members: genericMembers(options, name, report), preset: undefined }
    : presetMembers(policy, isOnly, report);
  const given = isGeneric ? options.browserLogin : options.browserLoginOverrides;
  const login = objectOf(isGeneric || !isOnly ? given : undefined);
  const lifetimes = Object.fromEntries(
    lifetimeNames.filter((each) => login[each] !== undefined).map((each) => [each, login[each]]),
  );
  return {
    policy: name,
    id: slugOf(name),
    members,
    gateway: typed(take(objectOf(options.gateway), gatewayNames, `${name}: gateway`, report)),
    lifetimes: typed(lifetimes),
    idJag: readIdJag(options, name, report),
    preset,
  };
}
