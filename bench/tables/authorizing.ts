import { createHash } from 'node:crypto';
import { type Answer, createUser, expectStatus, type Send } from '../harness/load.ts';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation } from '../harness/table.ts';
import { users } from './operations.ts';

/** Cookies that a browser would send to a path. */
function cookiesFor({ headers }: Answer, path: string): string {
  return (headers['set-cookie'] ?? [])
    .filter((cookie) => path.startsWith(/;\s*path=([^;]+)/i.exec(cookie)?.[1] ?? '/'))
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}

function queryOf(clientId: string, redirectUri: string, url: string): string {
  return new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'mcp:tools',
    code_challenge: createHash('sha256').update('the verifier of the bench, which nobody redeems').digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${url}/mcp`,
    state: 'state',
  }).toString();
}

/** From the authorization request to the approval page, in a browser that has no session. */
async function openApproval(send: Send, query: string, address?: string): Promise<void> {
  const forwarded = address === undefined ? undefined : { 'x-forwarded-for': address };
  const headers = { accept: 'text/html', 'accept-language': 'en', ...forwarded };
  const redirected = expectStatus(await send({ path: `/oauth/authorize?${query}`, headers }), 303);
  const location = String(redirected.headers.location);
  const path = location.startsWith('http') ? new URL(location).pathname : location;
  expectStatus(await send({ path, headers: { ...headers, cookie: cookiesFor(redirected, path) } }), 200);
}

/** Where metadata documents are published. */
export interface DocumentClients {
  readonly clientIds: readonly string[];
  readonly redirectUri: string;
}

/** Documents that one caller has fetched before: below the budget of a caller, whatever it is. */
const perCaller = 5;

/** Authorization requests of clients known by their metadata document, in rotation. Every document is fetched once before. */
export function authorizing({ clientIds, redirectUri }: DocumentClients) {
  return async ({ url }: BenchServer): Promise<Operation[]> => {
    for (const [index, clientId] of clientIds.entries()) {
      const address = `192.0.2.${1 + Math.floor(index / perCaller)}`;
      await openApproval(createUser(url), queryOf(clientId, redirectUri, url), address);
    }
    let next = 0;
    return Array.from({ length: users }, () => {
      const send = createUser(url);
      return () => {
        next += 1;
        return openApproval(send, queryOf(clientIds[next % clientIds.length] as string, redirectUri, url));
      };
    });
  };
}
