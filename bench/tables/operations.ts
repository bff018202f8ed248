import { createUser, expectStatus, type Send } from '../harness/load.ts';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation } from '../harness/table.ts';
import { nativeClient, type SignedIn, signInAll } from './sign-in.ts';

/** Users of one server at the same time. */
export const users = 12;

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const json = { 'content-type': 'application/json' };

const call = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'add', arguments: { left: 1, right: 2 } },
});

/** One operation for each of several users with a connection of their own. */
export function forUsers(url: string, create: (send: Send, index: number) => Operation): Operation[] {
  return Array.from({ length: users }, (_, index) => create(createUser(url), index));
}

/** `GET` of a document. */
export function getting(path: string): (server: BenchServer) => Promise<Operation[]> {
  return async ({ url }) =>
    forUsers(url, (send) => async () => {
      expectStatus(await send({ path }), 200);
    });
}

async function callMcp(send: Send, token: string | undefined): Promise<void> {
  const headers = {
    ...json,
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  expectStatus(await send({ method: 'POST', path: '/mcp', headers, body: call }), 200);
}

/** `POST /mcp`, with an access token for each user. */
export function calling(
  tokensOf: (url: string) => Promise<readonly (string | undefined)[]>,
): (server: BenchServer) => Promise<Operation[]> {
  return async ({ url }) => {
    const tokens = await tokensOf(url);
    return forUsers(url, (send, index) => () => callMcp(send, tokens[index]));
  };
}

/** `POST /mcp` with so many access tokens in turn, each of which was used before. */
export function callingInTurn(tokens: number, tokenOf: (index: number) => string) {
  return async ({ url }: BenchServer): Promise<Operation[]> => {
    const send = createUser(url);
    for (let index = 0; index < tokens; index += 1) await callMcp(send, tokenOf(index));
    let next = 0;
    return forUsers(url, (own) => () => {
      next += 1;
      return callMcp(own, tokenOf(next % tokens));
    });
  };
}

/** Access tokens of real logins. */
export async function accessTokens(url: string): Promise<string[]> {
  return (await signInAll(url, users)).map(({ accessToken }) => accessToken);
}

/** RFC 7591. */
export async function registering({ url }: BenchServer): Promise<Operation[]> {
  const body = JSON.stringify(nativeClient);
  return forUsers(url, (send) => async () => {
    expectStatus(await send({ method: 'POST', path: '/oauth/register', headers: json, body }), 201);
  });
}

const postForm = (send: Send, path: string, parameters: Record<string, string>) =>
  send({ method: 'POST', path, headers: form, body: new URLSearchParams(parameters).toString() });

/** An operation for each of several users who have signed in. */
function forSignedIn(create: (signedIn: SignedIn, send: Send) => Operation) {
  return async ({ url }: BenchServer): Promise<Operation[]> => {
    const signedIn = await signInAll(url, users);
    return forUsers(url, (send, index) => create(signedIn[index] as SignedIn, send));
  };
}

/** Refreshes with rotation: each answer's token is the next request's. */
export function refreshingBy({ client: { clientId }, ...signedIn }: SignedIn, send: Send): Operation {
  let { refreshToken } = signedIn;
  return async () => {
    const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
    const answer = await postForm(send, '/oauth/token', parameters);
    refreshToken = JSON.parse(expectStatus(answer, 200).body).refresh_token;
  };
}

export const refreshing = forSignedIn(refreshingBy);

/** RFC 7662, by the client of the token. */
export const introspecting = forSignedIn(({ client: { clientId }, accessToken }, send) => async () => {
  const answer = await postForm(send, '/oauth/introspect', { token: accessToken, client_id: clientId });
  if (JSON.parse(expectStatus(answer, 200).body).active !== true) throw new Error('the token is not active');
});
