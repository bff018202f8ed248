import type { Logger } from '../../lib/index.ts';
import type { Agent } from './agent.ts';
import { type Gateway, gatewayAtCompany, startGateway } from './gateway.ts';
import { type CompanyIdentityProvider, startIdentityProvider } from './identity-provider.ts';

export const agent: Agent = {
  clientId: 'assistant',
  clientSecret: 'a secret that both sides know',
  redirectUri: 'http://127.0.0.1:33418/callback',
};

/** The company allows its assistant to read payslips for Ada, and for nobody else. */
export async function startStory(settings: { port?: number; logger?: Logger } = {}): Promise<{
  company: CompanyIdentityProvider;
  gateway: Gateway;
  close(): Promise<void>;
}> {
  const company = await startIdentityProvider();
  const gateway = await startGateway({ company: company.issuer, agent, ...settings });
  const rule = { audience: gateway.url, resource: `${gateway.url}/mcp`, clientIdThere: agent.clientId };
  company.applications.push({ ...agent, mayAct: [{ ...rule, scopes: ['mcp:tools'], people: ['ada'] }] });
  const redirectUri = `${gateway.url}/oauth/callback`;
  company.applications.push({ ...gatewayAtCompany, redirectUri, mayAct: [] });
  return {
    company,
    gateway,
    async close() {
      await gateway.close();
      company.close();
    },
  };
}
