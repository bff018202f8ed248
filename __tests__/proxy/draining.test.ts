import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createDraining } from '../../lib/proxy/draining.ts';

test('a client that left while its token was checked is not waited for, nor its stream kept', async () => {
  const draining = createDraining();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  const client = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => {});
  client.end();
  const [, res] = await asked;
  const left = once(res, 'close');
  client.destroy();
  await left;
  draining.enter(res);
  let ended = 0;
  draining.hold(res, () => {
    ended += 1;
  });
  const limit = new AbortController();
  const waited = new Promise((resolve) => {
    const timer = setTimeout(() => resolve('waited'), 5000);
    limit.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  expect(await Promise.race([draining.close(60_000).then(() => 'closed'), waited])).toBe('closed');
  limit.abort();
  expect(ended).toBe(0);
  server.close();
});
