import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { connect, type FilesGateway, linkIn, rpc, signIn, startFilesGateway, type User, whoAmI } from './support.ts';

jest.setTimeout(120_000); // One of the faults lasts as long as the limit of a request, ten seconds.

const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n';

/** What stands in the token endpoint's place does with a request. */
const faults: Readonly<Record<string, (socket: Socket) => void>> = {
  'is reset': (socket) => void socket.resetAndDestroy(),
  'is silent': () => undefined,
  'breaks off in the head': (socket) => void socket.end(head.slice(0, 30)),
  'breaks off in the token': (socket) => void socket.end(`${head}{"token_type":"Bearer","access_token":"half-of-a-tok`),
  'is no HTTP': (socket) => void socket.end('\u0000\u0001 not http\r\n\r\n'),
};

let fault: ((socket: Socket) => void) | undefined;
let files: FilesGateway;
let alice: User;
const sockets = new Set<Socket>();
const realNow = Date.now;
let ahead = 0;

/** In front of the token endpoint: passes everything on while there is no fault. */
const front = net.createServer((socket) => {
  sockets.add(socket.on('error', () => undefined));
  socket.once('close', () => sockets.delete(socket));
  const { port } = new URL(files.upstream.issuer);
  if (fault) return void socket.once('data', () => fault?.(socket));
  const server = net.connect(Number(port), '127.0.0.1').on('error', () => socket.destroy());
  server.once('close', () => socket.destroy());
  socket.once('close', () => server.destroy());
  socket.pipe(server).pipe(socket);
});

beforeAll(async () => {
  Date.now = () => realNow() + ahead;
  await once(front.listen(0, '127.0.0.1'), 'listening');
  const { port } = front.address() as AddressInfo;
  files = await startFilesGateway({
    upstream: { tokenEndpoint: ({ pathname }) => `http://127.0.0.1:${port}${pathname}` },
  });
  alice = await signIn(files.gateway.url, 'alice');
  await connect(alice.browser, linkIn((await call()).text), 'alice-at-files');
});

afterAll(async () => {
  Date.now = realNow;
  await files?.close();
  for (const socket of sockets) socket.destroy();
  if (front.listening) await new Promise((resolve) => front.close(resolve));
});

const call = () => rpc(files.url, alice, 'tools/call', { name: 'whoami', arguments: {} });
const eventsOf = (type: string) => files.gateway.events.filter((event) => event.type === type);
const refreshes = () =>
  files.upstream.tokenRequests.filter(({ grant_type: grant }) => grant === 'refresh_token').length;

/** A call for which the token has to be renewed, and cannot be. */
async function expectKept(): Promise<void> {
  const connected = eventsOf('upstream.connected').length;
  const before = refreshes();
  ahead += 60_000; // Far enough from the renewal before.
  files.upstream.forgetAccessTokens();
  const [one, other] = await Promise.all([call(), call()]);
  for (const answer of [one, other, await call()]) {
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([503, true]);
    expect(answer.json).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32603, message: expect.stringContaining('try again') },
    });
    expect(answer.text).not.toMatch(/127\.0\.0\.1|half-of-a-tok/);
  }
  expect(eventsOf('upstream.unavailable').at(-1)).toMatchObject({
    upstream: 'files',
    reason: expect.stringMatching(/^unreachable|^invalid_answer/),
  });
  expect([eventsOf('upstream.connection_ended'), eventsOf('upstream.connected').length]).toEqual([[], connected]);
  expect(refreshes()).toBe(before);
  const page = await alice.browser.get(`${files.gateway.url}/oauth/connections`);
  expect(page.text).toContain('Files Connected');
}

test.each(Object.entries(faults))(
  'a token endpoint that %s: try again for the client, everything kept for the user',
  async (_what, misbehave) => {
    fault = misbehave;
    await expectKept();
    fault = undefined;
    for (const socket of sockets) socket.destroy();
    ahead += 60_000; // It is time to ask again.
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  },
);

test('a token endpoint that is not there: the same', async () => {
  const closed = new Promise((resolve) => front.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
  await expectKept();
});
