import { isPublicKey, isWebUrl, scopeRule } from '../resolve-options-rules.ts';
import { kindOf, type OptionReader } from '../shared/option-reader.ts';
import { asymmetricAlgorithms } from '../shared/signature-algorithms.ts';
import type { IdJagOptions, TrustedIdJagIssuer } from './id-jag-options.ts';

/** `idJag` with its defaults. */
export interface ResolvedIdJag {
  readonly trustedIssuers: readonly ResolvedIdJagIssuer[];
  readonly maxLifetimeSeconds: number;
  readonly clockToleranceSeconds: number;
  readonly replay: 'single-use' | 'until-expiry';
  readonly allowPublicClients: boolean;
}

export interface ResolvedIdJagIssuer extends TrustedIdJagIssuer {
  readonly algorithms: readonly string[];
}

const idJagNames = [
  'trustedIssuers',
  'maxLifetimeSeconds',
  'clockToleranceSeconds',
  'replay',
  'allowPublicClients',
] as const satisfies readonly (keyof IdJagOptions)[];

const issuerNames = [
  'issuer',
  'jwksUrl',
  'jwks',
  'algorithms',
  'clients',
  'resources',
  'allowedScopes',
  'subjectOf',
  'mapIdentity',
] as const satisfies readonly (keyof TrustedIdJagIssuer)[];

const urlRule = { what: 'an http(s) URL without user or fragment', accept: isWebUrl };
const issuerRule = {
  what: 'an http(s) URL without user, query or fragment',
  accept: (text: string) => isWebUrl(text) && !text.includes('?'),
};
const algorithmRule = {
  what: `asymmetric algorithms (${asymmetricAlgorithms.join(', ')})`,
  accept: (text: string) => asymmetricAlgorithms.includes(text),
};
const resourceRule = {
  what: "paths such as '/mcp', or URLs",
  accept: (text: string) => text.startsWith('/') || isWebUrl(text),
};
const replayRule = {
  what: "'single-use' or 'until-expiry'",
  accept: (text: string) => text === 'single-use' || text === 'until-expiry',
};

function readKeys(issuer: OptionReader): TrustedIdJagIssuer['jwks'] {
  const jwks = issuer.value('jwks') as { keys?: unknown } | null | undefined;
  if (jwks === undefined) return undefined;
  if (issuer.has('jwksUrl')) issuer.problem('jwksUrl', 'must not be given beside jwks');
  if (Array.isArray(jwks?.keys) && jwks.keys.length > 0 && jwks.keys.every(isPublicKey))
    return jwks as TrustedIdJagIssuer['jwks'];
  issuer.problem('jwks', 'must be a set of public RSA, EC or OKP keys');
  return undefined;
}

function readClients(issuer: OptionReader): TrustedIdJagIssuer['clients'] {
  const clients = issuer.value('clients');
  if (clients === undefined) return undefined;
  const isMap = typeof clients === 'object' && clients !== null && !Array.isArray(clients);
  if (isMap && Object.values(clients).every((id) => typeof id === 'string' && id !== ''))
    return clients as TrustedIdJagIssuer['clients'];
  issuer.problem(
    'clients',
    `must map client ids to client ids, such as { 'agent-1': 'agent-1' }, got ${kindOf(clients)}`,
  );
  return undefined;
}

function readIssuer(issuer: OptionReader, ownIssuer: string | undefined): ResolvedIdJagIssuer {
  const identifier = issuer.string('issuer', issuerRule);
  if (!issuer.has('issuer')) issuer.problem('issuer', "must be given, such as 'https://acme.okta.com'");
  // An issuer that redeems its own assertions would widen what it gave (ID-JAG draft, Cross-Domain Use).
  if (identifier !== undefined && identifier === ownIssuer)
    issuer.problem('issuer', 'must be another server: this one issues no assertions');
  const jwksUrl = issuer.string('jwksUrl', urlRule);
  const jwks = readKeys(issuer);
  const clients = readClients(issuer);
  const resources = issuer.strings('resources', resourceRule);
  const allowedScopes = issuer.strings('allowedScopes', scopeRule);
  const subjectOf = issuer.fn('subjectOf') as TrustedIdJagIssuer['subjectOf'];
  const mapIdentity = issuer.fn('mapIdentity') as TrustedIdJagIssuer['mapIdentity'];
  const algorithms = issuer.strings('algorithms', algorithmRule) ?? asymmetricAlgorithms;
  if (algorithms.length === 0) issuer.problem('algorithms', 'must name at least one algorithm');
  return Object.freeze({
    issuer: identifier ?? '',
    algorithms,
    ...(jwksUrl !== undefined && { jwksUrl }),
    ...(jwks && { jwks }),
    ...(clients && { clients }),
    ...(resources && { resources }),
    ...(allowedScopes && { allowedScopes }),
    ...(subjectOf && { subjectOf }),
    ...(mapIdentity && { mapIdentity }),
  });
}

/** @param ownIssuer this server's own identifier, where it is fixed */
export function readIdJag(options: OptionReader, ownIssuer: string | undefined): ResolvedIdJag | undefined {
  if (!options.has('idJag')) return undefined;
  const idJag = options.group('idJag', idJagNames);
  const trustedIssuers = idJag.groups('trustedIssuers', issuerNames).map((issuer) => readIssuer(issuer, ownIssuer));
  const isList = Array.isArray(idJag.value('trustedIssuers'));
  if (trustedIssuers.length === 0 && (isList || !idJag.has('trustedIssuers')))
    idJag.problem('trustedIssuers', "must name at least one issuer, such as [{ issuer: 'https://acme.okta.com' }]");
  const names = trustedIssuers.map(({ issuer }) => issuer).filter((issuer) => issuer !== '');
  if (new Set(names).size < names.length) idJag.problem('trustedIssuers', 'names an issuer twice');
  return Object.freeze({
    trustedIssuers: Object.freeze(trustedIssuers),
    maxLifetimeSeconds: idJag.integer('maxLifetimeSeconds', { min: 30, max: 3600, fallback: 300 }),
    clockToleranceSeconds: idJag.integer('clockToleranceSeconds', { min: 0, max: 300, fallback: 60 }),
    replay: (idJag.string('replay', replayRule) as ResolvedIdJag['replay'] | undefined) ?? 'single-use',
    allowPublicClients: idJag.boolean('allowPublicClients', false),
  });
}
