import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expectStatus } from '../harness/load.ts';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation, Table } from '../harness/table.ts';
import { jwtBearer } from '../variants/bare-id-jag.ts';
import { forUsers } from './operations.ts';

const issuer = 'https://idp.bench.test';
const secret = 'a secret of the agent';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** Redemption of ID-JAGs, ours beside the least that could be written on oidc-provider. */
export async function idJag(): Promise<Table> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const key = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' };
  const client = { client_id: 'agent', client_secret: secret, grant_types: [jwtBearer] };
  const bareClient = {
    ...client,
    token_endpoint_auth_method: 'client_secret_post',
    response_types: [],
    redirect_uris: [],
  };
  const bare = (hasGrant: boolean) => ({
    variant: 'bare-provider',
    settings: { idJag: { issuer, key, client: bareClient, hasGrant } },
  });
  const options = { clients: [client], idJag: { trustedIssuers: [{ issuer, jwks: { keys: [key] } }] } };

  let count = 0;
  const redeeming = async ({ url }: BenchServer): Promise<Operation[]> =>
    forUsers(url, (send, index) => async () => {
      count += 1;
      const claims = { client_id: 'agent', jti: `assertion ${count}`, resource: `${url}/mcp`, scope: 'mcp:tools' };
      const assertion = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'bench', typ: 'oauth-id-jag+jwt' })
        .setIssuer(issuer)
        .setSubject(`user ${index}`)
        .setAudience(url)
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey);
      const parameters = { grant_type: jwtBearer, assertion, client_id: 'agent', client_secret: secret };
      const body = new URLSearchParams({ ...parameters, resource: `${url}/mcp` }).toString();
      expectStatus(await send({ method: 'POST', path: '/oauth/token', headers: form, body }), 200);
    });

  return {
    title: 'ID-JAG redemption',
    notes: [
      'Bare is `jose.jwtVerify` in a custom grant of oidc-provider, a Map as its adapter, on Express as ours; it compares client and resource, and lets an assertion be used again.',
      'Ours makes every check of docs/id-jag.md, uses each assertion up in memory storage, and keeps the user. Its grant makes the token revocable, as does that of the first row.',
      'Assertions are signed by the load generator, each for one request; ES256, keys known to both. Twelve users in rotation: their records exist after the first round.',
    ],
    servers: {
      'bare with grant': bare(true),
      'bare without grant': bare(false),
      ours: { variant: 'gateway', settings: { options } },
    },
    comparisons: [
      {
        operation: 'Redemption of an ID-JAG',
        subjects: [
          {
            name: 'bare oidc-provider, `jwtVerify`, token with its grant',
            server: 'bare with grant',
            prepare: redeeming,
          },
          { name: 'the same, token without grant', server: 'bare without grant', prepare: redeeming },
          { name: 'ours', server: 'ours', prepare: redeeming, target: 1.3 },
        ],
      },
    ],
  };
}
