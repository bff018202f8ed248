import type { ServerSpec } from '../harness/server-process.ts';
import type { Subject, Table } from '../harness/table.ts';
import { accessTokens, calling, getting, users } from './operations.ts';
import { audience, createSignedTokens, issuer } from './signed-tokens.ts';

/** Documents of the size that ours has. */
const documents = {
  '/server-metadata.json': {
    issuer,
    authorization_endpoint: `${issuer}oauth/authorize`,
    token_endpoint: `${issuer}oauth/token`,
    jwks_uri: `${issuer}oauth/jwks`,
    registration_endpoint: `${issuer}oauth/register`,
    introspection_endpoint: `${issuer}oauth/introspect`,
    revocation_endpoint: `${issuer}oauth/revoke`,
    pushed_authorization_request_endpoint: `${issuer}oauth/par`,
    filler: 'x'.repeat(1000),
  },
  '/resource-metadata.json': {
    resource: audience,
    resource_name: '/mcp',
    authorization_servers: [issuer],
    scopes_supported: ['mcp:tools'],
    bearer_methods_supported: ['header'],
  },
};

/** Of the length of ours: the route without authentication gets the same bytes, and looks at none of them. */
const unreadTokens = async () => Array.from({ length: users }, () => 'x'.repeat(43));

/** A verified call of a route, and the documents that lead clients there. */
export async function resource(): Promise<Table> {
  const { settings: key, sign: signTokens } = await createSignedTokens();
  const servers: Record<string, ServerSpec> = {
    bare: { variant: 'bare-route', settings: { documents } },
    warm: { variant: 'gateway', settings: { gateway: { tokenCacheSeconds: 60 } } },
    cold: { variant: 'gateway', settings: { gateway: { tokenCacheSeconds: 0 } } },
    jwt: { variant: 'gateway', settings: { gateway: { tokenCacheSeconds: 0, accessTokenFormat: 'jwt' } } },
    sdk: { variant: 'sdk-bearer', settings: key },
    auth0: { variant: 'jwt-bearer', settings: key },
  };
  const ours = (path: string): Subject => ({ name: 'ours', server: 'warm', prepare: getting(path), target: 1.1 });
  const fixed = (path: string): Subject[] => [
    { name: 'constant bytes by an Express route', server: 'bare', prepare: getting(path) },
    { name: '`res.json` of a constant', server: 'bare', prepare: getting(`/express${path}`) },
  ];
  return {
    title: 'Protected resource: authentication and metadata',
    notes: [
      'Authentication: `POST /mcp` with a JSON-RPC body on one Express app each; the handler behind sends constant bytes and reads nothing, so that the whole difference is the check. The bare route gets the same request, its token unread.',
      'Ours is mounted as the README says, `app.use(auth)` and `auth.authenticate` on the route; its opaque tokens come from real logins. Cold: `tokenCacheSeconds: 0` on memory storage.',
      'The two peers verify ES256 signatures and look nothing up; ours looks up the grant also for a JWT.',
    ],
    servers,
    comparisons: [
      {
        operation: 'Authentication',
        subjects: [
          { name: 'bare route, no authentication', server: 'bare', prepare: calling(unreadTokens) },
          { name: 'ours, opaque, warm', server: 'warm', prepare: calling(accessTokens), target: 1.15 },
          { name: 'ours, opaque, cold', server: 'cold', prepare: calling(accessTokens), target: 1.4 },
          { name: 'ours, JWT, cold', server: 'jwt', prepare: calling(accessTokens) },
          { name: 'MCP SDK requireBearerAuth + jose, ES256', server: 'sdk', prepare: calling(signTokens) },
          { name: 'express-oauth2-jwt-bearer, ES256', server: 'auth0', prepare: calling(signTokens) },
        ],
      },
      {
        operation: 'Authorization server metadata',
        subjects: [...fixed('/server-metadata.json'), ours('/.well-known/oauth-authorization-server')],
      },
      {
        operation: 'Protected resource metadata',
        subjects: [...fixed('/resource-metadata.json'), ours('/.well-known/oauth-protected-resource/mcp')],
      },
    ],
  };
}
