import type { ServerResponse } from 'node:http';
import type { ProxyOptions } from '../../lib/options.ts';
import { accountIdOf } from '../../lib/shared/identity.ts';
import type { UpstreamCredentials } from '../../lib/shared/upstream-credentials.ts';
import { type Received, startUpstreamPair, type UpstreamPair } from '../helpers/upstream-pair.ts';

export interface FilteredPairOptions {
  readonly proxy: Partial<ProxyOptions>;
  /** Roles of the caller. */
  readonly roles?: readonly string[];
  readonly credentials?: UpstreamCredentials;
  readonly answer?: (res: ServerResponse, received: Received) => void;
}

export interface FilteredPair extends UpstreamPair {
  /** Sends a JSON-RPC message, or bytes. */
  send(message: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Methods and names of calls that reached the upstream. */
  reached(): unknown[];
}

/** Behind `authenticate`: everything that it leaves on a request. */
export async function startFilteredPair({
  proxy,
  roles = [],
  credentials,
  answer,
}: FilteredPairOptions): Promise<FilteredPair> {
  const caller = {
    auth: { token: 'grant:1', clientId: 'client-1', scopes: ['mcp:tools'] },
    user: { sub: 'ada', iss: 'https://idp.test', data: { roles, clientId: 'client-1', email: 'ada@example.com' } },
  };
  const pair = await startUpstreamPair({
    proxy,
    ...(answer && { answer }),
    ...(credentials && { credentials }),
    inFront: (req, _res, next) => {
      Object.assign(req, caller);
      next();
    },
  });
  return {
    ...pair,
    send: (message, headers = {}) =>
      fetch(pair.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: Buffer.isBuffer(message) || typeof message === 'string' ? message : JSON.stringify(message),
      }),
    reached: () =>
      pair.received.map(({ body }) => {
        const { method, params } = JSON.parse(body.toString());
        return [method, params?.name ?? params?.uri].filter(Boolean).join(' ');
      }),
  };
}

export function request(method: string, params: object = {}, id: number | string = 1): object {
  return { jsonrpc: '2.0', id, method, params };
}

export function result(members: object, id: number | string = 1): object {
  return { jsonrpc: '2.0', id, result: members };
}

export const named = (...names: string[]) => names.map((name) => ({ name, inputSchema: { type: 'object' } }));

export function answerJson(message: unknown): (res: ServerResponse) => void {
  return (res) => void res.setHeader('content-type', 'application/json').end(JSON.stringify(message));
}

/** Account of Ada in events. */
export const adaAccount = accountIdOf({ iss: 'https://idp.test', sub: 'ada' });
