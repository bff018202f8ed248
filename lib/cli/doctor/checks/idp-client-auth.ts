import { type Check, Missing } from '../check.ts';
import type { Configuration, ProviderAnswers } from '../configuration.ts';

async function problemsOf({ name, provider, discovery }: ProviderAnswers): Promise<string[]> {
  const found = await discovery().catch(() => {
    throw new Missing('the discovery document cannot be read');
  });
  const { method } = provider.login.clientAuthentication;
  const methods = found?.document.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const problems: string[] = [];
  // Many providers take a public client without saying so.
  if (found && Array.isArray(methods) && method !== 'none' && !methods.includes(method))
    problems.push(`${name}: takes ${methods.join(', ')}, browserLogin.clientAuthMethod is ${method}`);
  const types = found?.document.response_types_supported;
  if (Array.isArray(types) && !types.includes('code')) problems.push(`${name}: does not offer the code flow`);
  const scopes = found?.document.scopes_supported;
  const unknown = provider.login.scope.split(' ').filter((scope) => Array.isArray(scopes) && !scopes.includes(scope));
  if (unknown.includes('openid')) problems.push(`${name}: does not offer the scope openid`);
  return problems;
}

/** Whether the identity provider offers what the options ask for. */
export const idpClientAuth: Check<Configuration> = {
  id: 'idp-client-auth',
  severity: 'error',
  looksAt:
    'Each identity provider offers the code flow, the scope `openid`, and the client authentication of `browserLogin.clientAuthMethod`.',
  hurts: 'Everybody who signs in: the code cannot be redeemed (`provider_refused_code`).',
  mend: 'Set `browserLogin.clientAuthMethod` to a method that the provider lists, and the application there to the same.',
  run: async (configuration) => (await Promise.all(configuration.providers().map(problemsOf))).flat(),
};
