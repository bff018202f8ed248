import { type ReportWriter, take } from './report.ts';
import { type Json, listOf, objectOf, type Policy, textOf } from './source.ts';
import { Code, toSource } from './source-text.ts';

/** A credential of the result: code, and the names that it needs of the package. */
export interface ImportedUpstream {
  readonly code: Code;
  readonly imports: string;
}

const exchangeNames = [
  'id',
  'displayName',
  'summary',
  'protectedResourceMetadataUrl',
  'authMode',
  'scopes',
  'scopeDelimiter',
  'clientRegistration',
  'idJag',
];

function idOf({ name, options }: Policy, report: ReportWriter): string {
  const given = textOf(options.id) ?? name.replace(/^mcp-token-exchange-/, '');
  const id = given.toLowerCase().replace(/[^a-z0-9_-]+/g, '-');
  if (id !== given) report.check(name, `its id is ${id}, since ${given} cannot be one here`);
  return id;
}

function call(name: string, options: Json): ImportedUpstream {
  return { code: new Code(`${name}(${toSource(options)})`), imports: name };
}

function importIdJag(policy: Policy, common: Json, report: ReportWriter): ImportedUpstream {
  const where = `${policy.name}: idJag`;
  const given = take(objectOf(policy.options.idJag), ['scopes', 'scopeDelimiter', 'idp', 'resourceAs'], where, report);
  const { idp, resourceAs, ...scopes } = given;
  for (const name of ['summary', 'protectedResourceMetadataUrl', 'clientRegistration'])
    if (policy.options[name] !== undefined) report.left(policy.name, `the option ${name} means nothing with ID-JAG`);
  report.check(where, 'the redemption does not repeat the scopes, as Okta wants it; resourceAs.sendScopes: true does');
  return call('idJag', {
    ...common,
    ...scopes,
    idp: take(objectOf(idp), ['tokenUrl', 'clientAuth'], `${where}: idp`, report),
    resourceAs: take(objectOf(resourceAs), ['tokenUrl', 'audience', 'clientAuth'], `${where}: resourceAs`, report),
  });
}

/** What a token exchange policy comes to. */
export function importTokenExchange(policy: Policy, report: ReportWriter): ImportedUpstream {
  const { name, options } = policy;
  const { authMode = 'user-oauth', idJag: _, ...given } = take(options, exchangeNames, name, report);
  const id = idOf(policy, report);
  const displayName = textOf(options.displayName) ?? id;
  const common = { id, displayName, scopes: given.scopes, scopeDelimiter: given.scopeDelimiter };
  if (authMode === 'id-jag') return importIdJag(policy, common, report);
  const members = { ...given, id, displayName };
  if (authMode === 'shared-oauth') {
    report.check(name, 'who has the role admin may connect it for everybody: see mayConnect');
    return call('sharedOAuth', { ...members, mayConnect: new Code("({ roles }) => roles.includes('admin')") });
  }
  if (authMode !== 'user-oauth') report.check(name, `its authMode is not known: each user connects`);
  report.check(name, 'users connect once more: the tokens that Zuplo keeps cannot be taken over');
  return call('userOAuth', members);
}

/** What policies that set headers come to; undefined for others. */
export function importHeaders({ name, type, options }: Policy, report: ReportWriter): Json | undefined {
  if (type === 'set-headers-inbound') {
    take(options, ['headers'], name, report);
    const entries = listOf(options.headers).map(objectOf);
    for (const { overwrite, name: header } of entries)
      if (overwrite === false) report.check(name, `${String(header)} always replaces what the client sends`);
    return Object.fromEntries(entries.map((entry) => [String(entry.name).toLowerCase(), String(entry.value ?? '')]));
  }
  if (type !== 'set-upstream-api-key-inbound') return undefined;
  const given = take(options, ['header', 'value', 'overwrite'], name, report);
  const header = textOf(given.header) ?? 'authorization';
  return { [header.toLowerCase()]: textOf(given.value) ?? '' };
}
