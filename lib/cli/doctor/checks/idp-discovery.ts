import type { Check } from '../check.ts';
import { type Configuration, type ProviderAnswers, reasonOf } from '../configuration.ts';

function issuerHint(expected: string, named: string): string {
  if (named.replace(/\/$/, '') === expected.replace(/\/$/, '')) return ' (a slash at the end)';
  return named.includes('{tenantid}') ? ' (several tenants: give allowedTenants, or the tenant’s own issuer)' : '';
}

async function problemsOf({ name, provider, discovery }: ProviderAnswers): Promise<string[]> {
  try {
    const found = await discovery();
    if (!found) return [];
    const { issuer } = found.document;
    const { issuer: expected } = provider.login;
    if (issuer !== expected)
      return [
        `${name}: issuer is ${String(issuer)}, oidc.issuer is ${expected}${issuerHint(expected, String(issuer))}`,
      ];
    return ['authorization_endpoint', 'token_endpoint', 'jwks_uri']
      .filter((member) => !URL.canParse(String(found.document[member])))
      .map((member) => `${name}: the discovery document has no ${member}`);
  } catch (error) {
    return [`${name}: the discovery document cannot be read: ${reasonOf(error)}`];
  }
}

/** Whether the identity provider is what the options say. */
export const idpDiscovery: Check<Configuration> = {
  id: 'idp-discovery',
  severity: 'error',
  looksAt:
    'The discovery document of each identity provider can be read from here, names exactly `oidc.issuer`, and has the endpoints.',
  hurts: 'Everybody who signs in: each login ends with an error page.',
  mend: 'Copy the issuer from the discovery document, slash included (Auth0 and authentik have one, Okta has none). Allow outgoing https.',
  run: async (configuration) => (await Promise.all(configuration.providers().map(problemsOf))).flat(),
};
