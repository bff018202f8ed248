/** A sound deployment behind a front that can break it, with an identity provider. */
import type { Diagnosis } from '../../../lib/cli/doctor/check.ts';
import { namedDocuments } from '../../../lib/cli/doctor/clients.ts';
import type { DeploymentOptions } from '../../../lib/cli/doctor/deployment.ts';
import { type DoctorInput, diagnose } from '../../../lib/cli/doctor/doctor.ts';
import { type McpOAuthOptions, memoryStorage } from '../../../lib/index.ts';
import { createBrowser } from '../../helpers/browser.ts';
import { type Gateway, startGateway } from '../../helpers/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../../helpers/identity-provider.ts';
import { createSdkV1McpHandler, type McpTestHandler } from '../../helpers/mcp-servers.ts';
import { createOAuthClient } from '../../helpers/oauth-client.ts';
import { approve, atIdentityProvider } from '../../helpers/sdk-clients.ts';
import { type BrokenFront, startBrokenFront } from './broken-front.ts';

/** Documents of known clients as the operator may pin them: nothing here reaches the internet. */
export const pinnedDocuments = Object.fromEntries(
  namedDocuments.map(({ url, redirectUri }) => [
    url,
    { client_id: url, client_name: 'Known client', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' },
  ]),
);

export const unresolvable: NonNullable<NonNullable<McpOAuthOptions['outbound']>['lookup']> = (
  name,
  _options,
  callback,
) => callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);

export interface SoundDeployment {
  readonly front: BrokenFront;
  readonly gateway: Gateway;
  /** Sets the pace of the MCP server's tool `count`. */
  readonly gate: McpTestHandler['gate'];
  /** Its options, as a config file holds them. */
  readonly options: McpOAuthOptions;
  readonly identityProvider: IdentityProvider;
  /** URL of the MCP endpoint. */
  readonly url: string;
  /** Looks at it from outside. */
  look(options?: Partial<DeploymentOptions>, input?: Partial<DoctorInput>): Promise<Diagnosis>;
  accessToken(): Promise<string>;
  close(): Promise<void>;
}

/** Limits that no slow machine reaches. */
export const patience = {
  ca: undefined,
  accessToken: undefined,
  tool: undefined,
  webOrigin: undefined,
  initialAccessToken: undefined,
  clientDocuments: [],
  latencyMs: 60_000,
  streamMs: 60_000,
  now: Date.now,
} as const satisfies Omit<DeploymentOptions, 'url'>;

export async function startDeployment(
  options: (issuer: string) => Partial<McpOAuthOptions> = () => ({}),
): Promise<SoundDeployment> {
  const front = await startBrokenFront();
  const { origin } = front;
  const identityProvider = await startIdentityProvider({ redirectUris: [`${origin}/oauth/callback`] });
  const handler = createSdkV1McpHandler('stateful');
  const own: McpOAuthOptions = {
    issuer: origin,
    oidc: { issuer: identityProvider.issuer },
    browserLogin: { clientId: identityProvider.clientId, clientSecret: identityProvider.clientSecret },
    cimd: { pinned: pinnedDocuments },
    outbound: { lookup: unresolvable },
    storage: memoryStorage({ acknowledgeLoss: true }),
    secret: 'kZ8vQ2mX4tR7wB1nJ6yH3cL9sF5dG0aPeUiT',
    ...options(origin),
  };
  const gateway = await startGateway({
    options: () => own,
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (req, res) => handler(req, res)),
  });
  front.target = Number(new URL(gateway.url).port);
  const url = `${origin}/mcp`;
  return {
    front,
    gateway,
    gate: handler.gate,
    options: own,
    identityProvider,
    url,
    look: (given = {}, input = {}) =>
      diagnose({
        deployment: { url, ...patience, ...given },
        configuration: undefined,
        origin: undefined,
        timeoutMs: 60_000,
        now: given.now ?? Date.now,
        ...input,
      }),
    async accessToken() {
      const client = await createOAuthClient(origin);
      const { callback } = await approve(createBrowser(), client.authorizeUrl(), atIdentityProvider());
      const { json } = await client.redeem(String(callback.searchParams.get('code')));
      return String(json?.access_token);
    },
    async close() {
      await handler.close();
      await gateway.close();
      await front.close();
      await identityProvider.close();
    },
  };
}

/** The ids of what was found, each once. */
export const idsOf = ({ findings }: Diagnosis): string[] => [...new Set(findings.map(({ id }) => id))];
