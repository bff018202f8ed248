import { createHash, randomUUID } from 'node:crypto';
import { type Answer, createUser, expectStatus, type Send } from '../harness/load.ts';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation, Subject, Table } from '../harness/table.ts';
import { forUsers, getting, refreshing, registering } from './operations.ts';
import { nativeClient } from './sign-in.ts';

const [redirectUri] = nativeClient.redirect_uris as [string];
const verifier = 'the verifier of the bench, long enough for RFC 7636';
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const json = { 'content-type': 'application/json' };

/** How another authorization server is spoken to. */
interface Peer {
  readonly register: string;
  readonly authorize: string;
  readonly token: string;
  readonly metadata: string;
  readonly scope: string;
  /** Names the resource in the requests (RFC 8707). */
  readonly hasResource: boolean;
  /** Headers of a person who has signed in. */
  readonly signIn?: (send: Send) => Promise<Record<string, string>>;
  /** Approves where a page asks for it; gives where the browser goes next. */
  readonly approve?: (send: Send, headers: Record<string, string>, query: string) => Promise<string>;
}

const rooted = {
  register: '/register',
  authorize: '/authorize',
  token: '/token',
  metadata: '/.well-known/oauth-authorization-server',
  scope: 'mcp:tools',
};

const betterAuth: Peer = {
  register: '/api/auth/oauth2/register',
  authorize: '/api/auth/oauth2/authorize',
  token: '/api/auth/oauth2/token',
  metadata: '/api/auth/.well-known/openid-configuration',
  scope: 'openid offline_access mcp:tools',
  hasResource: false,
  async signIn(send) {
    const user = { name: 'Alice', email: `${randomUUID()}@bench.example`, password: randomUUID() };
    const body = JSON.stringify(user);
    const answer = expectStatus(
      await send({ method: 'POST', path: '/api/auth/sign-up/email', headers: json, body }),
      200,
    );
    return { cookie: (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';', 1)[0]).join('; ') };
  },
  async approve(send, headers, query) {
    const body = JSON.stringify({ accept: true, oauth_query: query });
    const path = '/api/auth/oauth2/consent';
    const answer = expectStatus(await send({ method: 'POST', path, headers: { ...json, ...headers }, body }), 200);
    const { url, redirect_uri: target = url } = JSON.parse(answer.body);
    return target;
  },
};

const peers: Readonly<Record<string, Peer>> = {
  'MCP SDK v1 router, Maps': { ...rooted, hasResource: true },
  'workers-oauth-provider under Node, Map': { ...rooted, hasResource: false },
  'Better Auth, SQLite in memory': betterAuth,
};

function parsed(answer: Answer, status: number): Record<string, string> {
  return JSON.parse(expectStatus(answer, status).body);
}

const registrationOf = ({ scope }: Peer) => JSON.stringify({ ...nativeClient, scope });

/** From registration to a refresh token, with the least that each peer asks of a browser. */
async function refreshTokenOf(
  peer: Peer,
  send: Send,
  url: string,
): Promise<{ clientId: string; refreshToken: string }> {
  const origin = { origin: url };
  const signedIn = {
    ...origin,
    ...(await peer.signIn?.((call) => send({ ...call, headers: { ...call.headers, ...origin } }))),
  };
  const registered = await send({ method: 'POST', path: peer.register, headers: json, body: registrationOf(peer) });
  if (registered.status !== 200) expectStatus(registered, 201);
  const { client_id: clientId } = JSON.parse(registered.body);
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: peer.scope,
    state: 'state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(peer.hasResource && { resource: `${url}/mcp` }),
  });
  const asked = expectStatus(await send({ path: `${peer.authorize}?${query}`, headers: signedIn }), 302);
  let location = new URL(String(asked.headers.location), url);
  if (peer.approve && !location.href.startsWith(redirectUri))
    location = new URL(await peer.approve(send, signedIn, location.search.slice(1)));
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code: location.searchParams.get('code') ?? '',
    code_verifier: verifier,
  }).toString();
  const tokens = parsed(await send({ method: 'POST', path: peer.token, headers: form, body }), 200);
  return { clientId, refreshToken: String(tokens.refresh_token) };
}

function refreshingAt(peer: Peer) {
  return async ({ url }: BenchServer): Promise<Operation[]> => {
    const send = createUser(url);
    const all = await Promise.all(forUsers(url, () => async () => {}).map(() => refreshTokenOf(peer, send, url)));
    return forUsers(url, (own, index) => {
      let { clientId, refreshToken } = all[index] as (typeof all)[number];
      return async () => {
        const body = new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: clientId,
        }).toString();
        const answer = parsed(await own({ method: 'POST', path: peer.token, headers: form, body }), 200);
        refreshToken = String(answer.refresh_token);
      };
    });
  };
}

function registeringAt(peer: Peer) {
  return async ({ url }: BenchServer): Promise<Operation[]> =>
    forUsers(url, (send) => async () => {
      const answer = await send({ method: 'POST', path: peer.register, headers: json, body: registrationOf(peer) });
      if (answer.status !== 200) expectStatus(answer, 201);
    });
}

const servers = {
  'MCP SDK v1 router, Maps': { variant: 'sdk-router' },
  'workers-oauth-provider under Node, Map': { variant: 'workers' },
  'Better Auth, SQLite in memory': { variant: 'better-auth' },
  ours: { variant: 'gateway' },
};

/** What other authorization servers cost, each one beside ours. */
export async function authorizationServers(): Promise<Table> {
  const compare = (operation: string, at: (peer: Peer) => Subject['prepare'], own: Subject['prepare'], targets = {}) =>
    Object.entries(peers).map(([name, peer]) => {
      const target = (targets as Record<string, number>)[name];
      return {
        operation: `${operation}, beside ${name.split(',')[0]}`,
        subjects: [
          { name, server: name, prepare: at(peer) },
          { name: 'ours, memory', server: 'ours', prepare: own, ...(target !== undefined && { target }) },
        ],
      };
    });
  return {
    title: 'Authorization servers of others',
    notes: [
      'Not like for like: the router of the MCP SDK has storage, sign-in and rotation of whoever uses it, here Maps and random ids without any check; workers-oauth-provider has its KV namespace in a Map; Better Auth has its own users, and gives an ID token, with each refresh.',
      'Ours: the default options on memory storage, with single use, grace window and encryption.',
    ],
    servers,
    comparisons: [
      ...compare('Refresh', refreshingAt, refreshing, {
        'workers-oauth-provider under Node, Map': 0.75,
        'Better Auth, SQLite in memory': 0.2,
      }),
      ...compare('Registration', registeringAt, registering),
      ...compare('Metadata', ({ metadata }) => getting(metadata), getting('/.well-known/oauth-authorization-server')),
    ],
  };
}
