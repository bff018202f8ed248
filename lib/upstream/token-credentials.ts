import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { callContext } from '../shared/caller.ts';
import type { EventSink } from '../shared/events.ts';
import { sendJson } from '../shared/http.ts';
import type { IssuerResolver } from '../shared/issuer-resolver.ts';
import type {
  UpstreamAnswer,
  UpstreamCall,
  UpstreamCredentials,
  UpstreamRefusal,
} from '../shared/upstream-credentials.ts';
import { type Caller, callerOf } from './caller.ts';
import { readChallenge } from './challenge.ts';
import { type ConnectOffer, connectAnswer, connectToolName, type LinkOffer, saysAccepted } from './connect-answer.ts';
import { type LegacyClients, type McpMessage, mayInitialize, modernClient } from './mcp-client.ts';
import type { Renew, UpstreamTokens, Vault, VaultAnswer, VaultKey, VaultRequest } from './vault.ts';

/** How one upstream gets tokens. */
export interface TokenUpstream {
  readonly id: string;
  readonly displayName: string;
  readonly connectTool: boolean;
  /** Whose tokens a caller uses. */
  readonly keyOf: (caller: Caller) => VaultKey;
  readonly renew: (caller: Caller) => Renew;
  /** Ends tokens at their authorization server; absent where they come without the user. */
  readonly discard?: (caller: Caller) => (tokens: UpstreamTokens) => Promise<void>;
  /** Whether tokens come without the user. */
  readonly canStart: boolean;
  /** Whether a new connection may mend what the upstream refused twice. */
  readonly offersAfterRefusal: boolean;
  /** A link that gives the caller tokens, with scopes that they lacked. */
  readonly link: (caller: Caller, scopes: readonly string[]) => Promise<LinkOffer>;
}

export interface TokenCredentialOptions {
  readonly vault: Vault;
  readonly legacyClients: LegacyClients;
  readonly issuerOf: IssuerResolver;
  readonly events: EventSink;
}

/** Begins the ids of sessions that exist only until the user is connected. */
const sessionPrefix = 'not-connected-';

/** How long a call waits for the user, who has just said to have opened the link, milliseconds. */
const acceptWaitMs = 8000;
const acceptPollMs = 250;

const sessionOf = (req: IncomingMessage) => String(req.headers['mcp-session-id'] ?? '');

/** Whether the caller holds on to the tool that was there before the connection. */
function calls(req: IncomingMessage, tool: string): boolean {
  return req.headers['mcp-method'] === 'tools/call' && req.headers['mcp-name'] === tool;
}

const asMessages = (body: unknown): McpMessage[] =>
  (Array.isArray(body) ? body : [body]).filter(
    (message): message is McpMessage => typeof message === 'object' && message !== null,
  );

function sendStatus(res: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers }).end();
}

/** Whether the answer to a message holds the link: one is made only then. */
function mentionsLink({ id, method }: McpMessage, { connectTool }: TokenUpstream): boolean {
  if (id === undefined || method === undefined) return false;
  if (method === 'tools/list') return !connectTool;
  return method !== 'initialize' && method !== 'server/discover' && method !== 'ping';
}

/** The bearer token of headers that were given before. */
function tokenOf({ headers }: UpstreamRefusal): string {
  return (headers.authorization ?? '').replace(/^Bearer /, '');
}

/** Credentials from the vault; where there are none, the answer with which the user gets some. */
export function createTokenCredentials(
  upstream: TokenUpstream,
  resource: string,
  { vault, legacyClients, issuerOf, events }: TokenCredentialOptions,
): UpstreamCredentials {
  const requestOf = (caller: Caller): VaultRequest => ({
    renew: upstream.renew(caller),
    canStart: upstream.canStart,
    ...(upstream.discard && { discard: upstream.discard(caller) }),
  });

  /** Answers in place of the upstream, until the user is connected. */
  async function offer(call: UpstreamCall, caller: Caller, scopes: readonly string[]): Promise<UpstreamAnswer> {
    const { req } = call;
    if (req.method === 'DELETE') return { kind: 'answer', send: (res) => sendStatus(res, 204) };
    if (req.method !== 'POST') {
      return { kind: 'answer', send: (res) => sendStatus(res, 405, { allow: 'POST, DELETE' }) };
    }
    const body = await call.readMessage();
    const messages = asMessages(body);
    const needsLink = messages.some((message) => mentionsLink(message, upstream));
    const link = needsLink ? await upstream.link(caller, scopes) : {};
    const { id, displayName, connectTool } = upstream;
    const given: ConnectOffer = { id, displayName, connectTool, ...link };
    const legacy = await legacyClients.find(caller, resource, req);
    const answers = messages
      .map((message) => connectAnswer(message, given, modernClient(req, message) ?? legacy))
      .filter((answer) => answer !== undefined);
    events.emit({ type: 'upstream.connect_required', ...callContext(req), upstream: id, subject: caller.account });
    const isStart = messages.some(({ method }) => method === 'initialize');
    const session: Record<string, string> = isStart ? { 'mcp-session-id': `${sessionPrefix}${randomUUID()}` } : {};
    return {
      kind: 'answer',
      send(res) {
        if (answers.length === 0) return sendStatus(res, 202);
        sendJson(res, 200, Array.isArray(body) ? answers : answers[0], session);
      },
    };
  }

  /** What a connected user's client still holds of the time before is ended, so that it starts anew with the upstream. */
  function afterConnection(req: IncomingMessage): UpstreamAnswer | undefined {
    if (sessionOf(req).startsWith(sessionPrefix)) {
      if (req.method === 'DELETE') return { kind: 'answer', send: (res) => sendStatus(res, 204) };
      const error = { code: -32001, message: 'Session not found' };
      return { kind: 'answer', send: (res) => sendJson(res, 404, { jsonrpc: '2.0', id: null, error }) };
    }
    return undefined;
  }

  async function answerConnectTool(call: UpstreamCall): Promise<UpstreamAnswer> {
    const [message] = asMessages(await call.readMessage());
    const text = `${upstream.displayName} is connected. List the tools again.`;
    const result = { resultType: 'complete', content: [{ type: 'text', text }] };
    return {
      kind: 'answer',
      send: (res) => sendJson(res, 200, { jsonrpc: '2.0', id: message?.id ?? null, result }),
    };
  }

  /** The user has just opened the link: the call is held for a while instead of being asked again at once. */
  async function waitForUser(call: UpstreamCall, key: VaultKey): Promise<boolean> {
    if (call.req.method !== 'POST' || call.req.headers['mcp-method'] === undefined) return false;
    if (!asMessages(await call.readMessage()).some(saysAccepted)) return false;
    for (let waited = 0; waited < acceptWaitMs && !call.req.socket.destroyed; waited += acceptPollMs) {
      if (await vault.has(key)) return true;
      await pause(acceptPollMs);
    }
    return vault.has(key);
  }

  const headersOf = ({ accessToken }: UpstreamTokens): UpstreamAnswer => ({
    kind: 'headers',
    headers: { authorization: `Bearer ${accessToken}` },
  });

  async function toAnswer(answer: VaultAnswer, call: UpstreamCall, caller: Caller): Promise<UpstreamAnswer> {
    switch (answer.kind) {
      case 'tokens':
        return headersOf(answer.tokens);
      case 'missing':
        return offer(call, caller, []);
      case 'refused':
        // Another connection may do where users make them; else it is for whoever runs the upstream.
        return upstream.offersAfterRefusal
          ? offer(call, caller, [])
          : { kind: 'refused', reason: 'every token is refused' };
      case 'unavailable': {
        const about = { ...callContext(call.req), upstream: upstream.id, subject: caller.account };
        events.emit({ type: 'upstream.unavailable', ...about, reason: answer.reason });
        return answer.isFinal ? { kind: 'refused', reason: answer.reason } : answer;
      }
    }
  }

  /** 401: another token may do. 403: only one with more scopes, and those the user gives (RFC 6750 section 3.1). */
  async function afterRefusal(call: UpstreamCall, refusal: UpstreamRefusal, caller: Caller): Promise<UpstreamAnswer> {
    const key = upstream.keyOf(caller);
    const request = requestOf(caller);
    const { scopes } = readChallenge(refusal.challenge);
    if (refusal.attempt === 2 && !upstream.offersAfterRefusal) {
      return { kind: 'refused', reason: `status ${refusal.status}` };
    }
    if (refusal.status === 403 && upstream.offersAfterRefusal) {
      const held = await vault.get(key, request);
      if (held.kind !== 'tokens') return toAnswer(held, call, caller);
      const lacking = scopes.filter((scope) => !held.tokens.scopes.includes(scope));
      if (lacking.length > 0) return offer(call, caller, [...new Set([...held.tokens.scopes, ...lacking])]);
    }
    if (refusal.attempt === 2) return offer(call, caller, refusal.status === 403 ? scopes : []);
    return toAnswer(await vault.get(key, { ...request, refused: tokenOf(refusal) }), call, caller);
  }

  return {
    ownTools: upstream.connectTool ? [connectToolName(upstream.id)] : [],
    async forRequest(call) {
      const { req, refusal } = call;
      const caller = callerOf(req, issuerOf(req));
      if (refusal) return afterRefusal(call, refusal, caller);
      if (mayInitialize(req)) {
        const message = asMessages(await call.readMessage()).find(({ method }) => method === 'initialize');
        if (message) await legacyClients.note(caller, resource, message);
      }
      const key = upstream.keyOf(caller);
      const request = requestOf(caller);
      let answer = await vault.get(key, request);
      if (answer.kind === 'missing' && (await waitForUser(call, key))) answer = await vault.get(key, request);
      if (answer.kind === 'tokens') {
        if (calls(req, connectToolName(upstream.id))) return answerConnectTool(call);
        return afterConnection(req) ?? headersOf(answer.tokens);
      }
      return toAnswer(answer, call, caller);
    },
  };
}
