/** An https host on loopback that publishes client metadata documents and key sets under any name. */
import type { RequestListener, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { OutboundOptions } from '../../lib/options.ts';
import { createTestAuthority } from '../helpers/listeners.ts';

export interface DocumentHost {
  readonly port: number;
  /** For `mcpOAuth({ outbound })`: the host's names point to it, its certificate is trusted. */
  readonly outbound: OutboundOptions;
  /** Where names point; change it to rebind one. Names that are not here do not resolve. */
  readonly addresses: Map<string, readonly string[]>;
  /** Every HTTP request that arrived, as `host/path`. */
  readonly requests: string[];
  /** Every name that was looked up. */
  readonly lookups: string[];
  /** The same URL at this host's port. */
  at(url: string): string;
  /** Answers a URL (of `at`) with JSON, or as the listener does. */
  serve(url: string, answer: object | RequestListener, headers?: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

export function sendBody(response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
}

/** @param port a fixed port; any other one where it cannot be had */
export async function startDocumentHost(names: readonly string[], port = 0): Promise<DocumentHost> {
  const { ca, certificate } = createTestAuthority(names.map((name) => `DNS:${name}`));
  const answers = new Map<string, RequestListener>();
  const requests: string[] = [];
  const lookups: string[] = [];
  const addresses = new Map<string, readonly string[]>(names.map((name) => [name, ['127.0.0.1']]));
  const server = https.createServer(certificate, (request, response) => {
    const target = `${String(request.headers.host).replace(/:\d+$/, '')}${request.url}`;
    requests.push(target);
    const answer = answers.get(target);
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  const listen = (wanted: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(wanted, '127.0.0.1', () => resolve());
    });
  await listen(port).catch(() => listen(0));
  const actualPort = (server.address() as AddressInfo).port;

  return {
    port: actualPort,
    outbound: {
      ca,
      lookup(hostname, _options, callback) {
        lookups.push(hostname);
        const found = addresses.get(hostname);
        if (found)
          callback(
            null,
            found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
          );
        else callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), []);
      },
    },
    addresses,
    requests,
    lookups,
    at(text) {
      const url = new URL(text);
      url.port = String(actualPort);
      return url.href;
    },
    serve(text, answer, headers = {}) {
      const { hostname, pathname, search } = new URL(text);
      const listener =
        typeof answer === 'function'
          ? (answer as RequestListener)
          : (((_request, response) => sendBody(response, JSON.stringify(answer), headers)) satisfies RequestListener);
      answers.set(`${hostname}${pathname}${search}`, listener);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
