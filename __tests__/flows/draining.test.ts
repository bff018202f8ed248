import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { bearer, signInByHand } from '../helpers/protected-server.ts';

let gateway: Gateway;
let upstream: ReturnType<typeof createServer>;
/** Answers that the upstream has begun. */
let open: { readonly method: string; readonly res: ServerResponse }[];
let headers: Record<string, string>;

beforeEach(async () => {
  open = [];
  upstream = createServer((req, res) => {
    open.push({ method: req.method ?? '', res });
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
  });
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`;
  gateway = await startGateway({ routes: (app, auth) => void app.use(auth.proxy('/mcp', { target })) });
  const { accessToken } = await signInByHand(gateway.url);
  headers = { ...bearer(accessToken), accept: 'application/json, text/event-stream' };
});
afterEach(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await gateway.close();
});

const listen = () => fetch(`${gateway.url}/mcp`, { headers });
const call = () =>
  fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"long"}}',
  });

/** The rest of an answer: its text, or that it broke off. */
const rest = (response: Response) =>
  response.text().then(
    (text) => text,
    () => 'broken',
  );

describe('close()', () => {
  it('ends event streams whole, lets answers under way end, and refuses new requests', async () => {
    const [stream, answer] = await Promise.all([listen(), call()]);
    const [streamed, answered] = [rest(stream), rest(answer)];
    const closing = gateway.auth.close();
    expect(await streamed).toMatch(/^data: .*\n\n$/);
    const refused = await call();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ error: { message: 'the server is shutting down' } });

    open.find(({ method }) => method === 'POST')?.res.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    await closing;
    expect(await answered).toContain('"result"');
  });

  it('lets the upstream know that its stream is over', async () => {
    const stream = await listen();
    const ended = once(open[0]?.res as ServerResponse, 'close');
    await Promise.all([gateway.auth.close(), rest(stream), ended]);
  });

  it('cuts off what takes longer than the time of grace: it must not look complete', async () => {
    const answered = rest(await call());
    await gateway.auth.close({ graceMs: 20 });
    expect(await answered).toBe('broken');
  });

  it('can be called again, and with nothing under way takes no time', async () => {
    await gateway.auth.close();
    await gateway.auth.close();
  });
});
