import { isScopeList } from '../resolve-options-rules.ts';
import { kindOf, type OptionReader } from '../shared/option-reader.ts';
import type { ResolvedIdJag } from './resolve-id-jag-options.ts';

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const grantRule = {
  what: `authorization_code, refresh_token, client_credentials or ${jwtBearer}`,
  accept: (text: string) => ['authorization_code', 'refresh_token', 'client_credentials', jwtBearer].includes(text),
};

function isScopeMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([resource, scopes]) => (resource.startsWith('/') || URL.canParse(resource)) && isScopeList(scopes),
  );
}

/** The grants of a configured client, and what it may get by itself. @param method how it authenticates */
export function checkClientGrants(client: OptionReader, method: unknown, idJag: ResolvedIdJag | undefined): void {
  const grants = client.strings('grant_types', grantRule) ?? [];
  const isPublic = method === 'none';
  if (isPublic && grants.includes('client_credentials'))
    client.problem(
      'grant_types',
      'may hold client_credentials only where the client authenticates (RFC 6749 section 4.4)',
    );
  if (grants.includes(jwtBearer) && !idJag)
    client.problem('grant_types', 'may hold jwt-bearer only beside the option idJag');
  if (grants.includes(jwtBearer) && isPublic && idJag?.allowPublicClients === false)
    client.problem(
      'grant_types',
      'may hold jwt-bearer without authentication only where idJag.allowPublicClients is true',
    );
  const scopes = client.value('resource_scopes');
  if (scopes === undefined) return;
  if (!grants.includes('client_credentials'))
    client.problem('resource_scopes', 'is for clients whose grant_types hold client_credentials');
  if (!isScopeMap(scopes)) {
    const example = "such as { '/mcp': ['mcp:tools'] }";
    client.problem('resource_scopes', `must map resources to scopes, ${example}, got ${kindOf(scopes)}`);
  }
}
