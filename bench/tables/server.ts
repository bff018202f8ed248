import { createBrowser } from '../../__tests__/helpers/browser.ts';
import { createOAuthClient, type OAuthClient } from '../../__tests__/helpers/oauth-client.ts';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation, Subject, Table } from '../harness/table.ts';
import { getting, introspecting, registering, users } from './operations.ts';
import { nativeClient } from './sign-in.ts';

const scope = 'mcp:tools';

type Tokens = Readonly<Record<string, unknown>>;

/** From the authorization request to tokens, in a browser without a session: approval, sign-in, code, redemption. */
function signingIn(then?: (client: OAuthClient, tokens: Tokens) => Promise<{ readonly status: number }>) {
  return async ({ url }: BenchServer): Promise<Operation[]> => {
    const operations: Operation[] = [];
    for (let index = 0; index < users; index += 1) {
      const client = await createOAuthClient(url, nativeClient);
      const browser = createBrowser();
      operations.push(async () => {
        browser.clearCookies();
        const code = await client.login(browser, { scope }, { name: `user ${index}` });
        const { status, text, json } = await client.redeem(code);
        if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${text}`);
        const last = await then?.(client, json ?? {});
        if (last && last.status !== 200) throw new Error(`the last request was answered with ${last.status}`);
      });
    }
    return operations;
  };
}

/** RFC 7009: ends the grant. */
const revoking = signingIn((client, tokens) => client.revoke(String(tokens.refresh_token)));

/** What happens once for each client or login, ours beside bare oidc-provider. */
export async function server(): Promise<Table> {
  const pair = (prepare: Subject['prepare'], target?: number): Subject[] => [
    { name: 'bare oidc-provider, Map', server: 'bare', prepare },
    { name: 'ours', server: 'ours', prepare, ...(target !== undefined && { target }) },
  ];
  const metadata = '/.well-known/openid-configuration';
  return {
    title: 'Authorization server',
    notes: [
      'A login is everything from the authorization request to tokens, for an existing client in a browser without a session. Both have the same steps, seven requests: an approval page, a sign-in page in the place of an identity provider, resumption, redemption. Bare keeps no user, and binds neither the login to the browser nor the grant to the login.',
      'Metadata of bare oidc-provider is made anew for each request.',
    ],
    servers: { bare: { variant: 'bare-provider' }, ours: { variant: 'gateway' } },
    comparisons: [
      { operation: 'Login, approval, code and tokens', subjects: pair(signingIn(), 1.1) },
      { operation: 'The same, then revocation', subjects: pair(revoking) },
      { operation: 'Dynamic registration', subjects: pair(registering, 1.25) },
      { operation: 'Introspection', subjects: pair(introspecting) },
      { operation: 'Metadata', subjects: pair(getting(metadata)) },
    ],
  };
}
