import { EventEmitter, once } from 'node:events';
import {
  createServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import {
  BodyError,
  mediaType,
  readBody,
  readCookies,
  readForm,
  redirect,
  sendJson,
  setCookie,
} from '../../lib/shared/http.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
const limit = 1000;
let server: Server | undefined;

afterEach(async () => {
  if (!server) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  server = undefined;
});

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

type Read = (req: IncomingMessage) => Promise<Buffer>;

/** Answers with what was read, or with the reason why nothing was. */
async function serveReading(read: Read, ...inFront: express.RequestHandler[]): Promise<string> {
  const app = express();
  for (const middleware of inFront) app.use(middleware);
  app.use(async (req, res) => {
    try {
      res.json({ body: (await read(req)).toString('utf8') });
    } catch (error) {
      res.json({ reason: error instanceof BodyError ? error.reason : String(error) });
    }
  });
  return listen(app);
}

async function post(
  url: string,
  type: string | undefined,
  body: RequestInit['body'] | null,
  headers = {},
): Promise<unknown> {
  const init = { method: 'POST', body, headers: { ...(type && { 'content-type': type }), ...headers }, duplex: 'half' };
  return (await fetch(url, init as RequestInit)).json();
}

const readJson: Read = (req) => readBody(req, json, limit);
const readFields: Read = (req) => readBody(req, form, limit);
const chunked = (...chunks: string[]) => ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk)));

describe('a body', () => {
  test('is read whole, in one piece or in chunks', async () => {
    const url = await serveReading(readJson);
    expect(await post(url, json, '{"a":"ü"}')).toEqual({ body: '{"a":"ü"}' });
    expect(await post(url, json, chunked('{"a"', ':', '"ü"}'))).toEqual({ body: '{"a":"ü"}' });
    expect(await post(url, json, null)).toEqual({ body: '' });
  });

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', ' application/json ;x'])(
    'is accepted as %p',
    async (type) => {
      expect(await post(await serveReading(readJson), type, '{}')).toEqual({ body: '{}' });
    },
  );

  test.each([
    ['another media type', 'text/plain'],
    ['a media type that starts alike', 'application/json-patch'],
    ['two media types', 'application/json, text/plain'],
    ['no media type', undefined],
  ])('of %s is refused', async (_what, type) => {
    expect(await post(await serveReading(readJson), type, Buffer.from('{}'))).toEqual({ reason: 'wrong_type' });
  });

  test('in a content coding is refused, so that it cannot unpack to more than the limit (CWE-409)', async () => {
    const url = await serveReading(readJson);
    expect(await post(url, json, '{}', { 'content-encoding': 'gzip' })).toEqual({ reason: 'wrong_type' });
    expect(await post(url, json, '{}', { 'content-encoding': 'identity' })).toEqual({ body: '{}' });
  });

  test('may be as long as the limit and no byte longer, declared or not (CWE-400)', async () => {
    const url = await serveReading(readJson);
    const exact = 'x'.repeat(limit);
    expect(await post(url, json, exact)).toEqual({ body: exact });
    expect(await post(url, json, chunked(exact))).toEqual({ body: exact });
    expect(await post(url, json, `${exact}x`)).toEqual({ reason: 'too_large' });
    expect(await post(url, json, chunked(exact, 'x'))).toEqual({ reason: 'too_large' });
    expect(await post(url, json, 'ü'.repeat(limit / 2 + 1))).toEqual({ reason: 'too_large' });
  });

  test.each(['declared', 'chunked'])(
    'that is too long and %s does not block the next request of its connection',
    async (kind) => {
      const url = await serveReading(readJson);
      const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
      const send = async (bytes: Buffer) => {
        const headers = { 'content-type': json, ...(kind === 'declared' && { 'content-length': bytes.length }) };
        const sent = httpRequest(url, { method: 'POST', agent, headers });
        sent.end(bytes);
        const [answer] = (await once(sent, 'response')) as [IncomingMessage];
        return Buffer.concat(await answer.toArray()).toString();
      };
      try {
        expect(await send(Buffer.alloc(3_000_000, 'x'))).toBe('{"reason":"too_large"}');
        expect(await send(Buffer.from('{}'))).toBe('{"body":"{}"}');
      } finally {
        agent.destroy();
      }
    },
  );

  test('that the caller breaks off is malformed, not an endless wait', async () => {
    const outcome = new EventEmitter();
    const failed = once(outcome, 'failed');
    const url = await serveReading((req) => {
      const read = readJson(req);
      read.catch((error) => outcome.emit('failed', error));
      return read;
    });
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a"', () =>
      socket.destroy(),
    );
    expect((await failed)[0]).toMatchObject({ name: 'BodyError', reason: 'malformed', cause: expect.anything() });
  });
});

describe('a body that a parser of the app has read before', () => {
  test('is there again, as JSON or as fields', async () => {
    const url = await serveReading(readJson, express.json());
    expect(await post(url, json, '{"a":[1,null,"ü"]}')).toEqual({ body: '{"a":[1,null,"ü"]}' });
  });

  test('keeps repeated fields repeated and special characters encoded', async () => {
    const url = await serveReading(readFields, express.urlencoded({ extended: false }));
    expect(await post(url, form, 'a=1&b=%26%3D+x&a=2')).toEqual({ body: 'a=1&a=2&b=%26%3D+x' });
  });

  test.each([
    ['bytes', express.raw({ type: '*/*' })],
    ['text', express.text({ type: '*/*' })],
  ])('is there as the parser left it: %s', async (_what, parser) => {
    expect(await post(await serveReading(readJson, parser), json, '{"a":1}')).toEqual({ body: '{"a":1}' });
  });

  test('is held to the same limit and type', async () => {
    const url = await serveReading(readJson, express.json({ type: '*/*' }));
    expect(await post(url, json, JSON.stringify({ a: 'x'.repeat(limit) }))).toEqual({ reason: 'too_large' });
    expect(await post(url, 'text/plain', '{}')).toEqual({ reason: 'wrong_type' });
  });

  test('is read from the request where the parser passed over its type', async () => {
    const url = await serveReading(readFields, express.json());
    expect(await post(url, form, 'a=1')).toEqual({ body: 'a=1' });
  });
});

test('a form has its fields decoded and repeated ones all there', async () => {
  const url = await serveReading(async (req) => Buffer.from(JSON.stringify([...(await readForm(req))])));
  const { body } = (await post(url, form, 'a=1&a=%C3%BC+x&b=')) as { body: string };
  expect(JSON.parse(body)).toEqual([
    ['a', '1'],
    ['a', 'ü x'],
    ['b', ''],
  ]);
});

test('answers of JSON are kept by no cache and not sniffed, and redirects turn a POST into a GET (RFC 9700 section 4.12)', async () => {
  const url = await listen((req, res) => {
    if (req.url === '/redirect') return redirect(res, 'https://client.example/cb?code=1');
    sendJson(res, 418, { text: 'ü' }, req.url === '/kept' ? { 'cache-control': 'max-age=60', 'x-extra': '1' } : {});
  });
  const answer = await fetch(url);
  expect(answer.status).toBe(418);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': json,
    'content-length': '13',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(await answer.json()).toEqual({ text: 'ü' });
  const kept = await fetch(`${url}kept`);
  expect([kept.headers.get('cache-control'), kept.headers.get('x-extra')]).toEqual(['max-age=60', '1']);
  const redirected = await fetch(`${url}redirect`, { method: 'POST', redirect: 'manual' });
  expect(redirected.status).toBe(303);
  expect(Object.fromEntries(redirected.headers)).toMatchObject({
    location: 'https://client.example/cb?code=1',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
});

describe('cookies', () => {
  const asked = (cookie?: string) => readCookies({ headers: { cookie } } as IncomingMessage);

  test('are read by name, values as they are', () => {
    expect([...asked('a=1; b = x%20y ;c="q"; d=1=2; e=')]).toEqual([
      ['a', '1'],
      ['b', 'x%20y'],
      ['c', '"q"'],
      ['d', '1=2'],
      ['e', ''],
    ]);
  });

  test('of one name count once: the first, which browsers send for the longest path (RFC 6265 section 5.4)', () => {
    expect(asked('a=first; a=second').get('a')).toBe('first');
  });

  test('without a name or a value are none, and names of objects are names like others', () => {
    expect([...asked('=x; lonely; ;; ')]).toEqual([]);
    expect([...asked(undefined)]).toEqual([]);
    expect(asked('a=1').get('__proto__')).toBeUndefined();
    expect(asked('__proto__=1').get('__proto__')).toBe('1');
  });

  test('are set out of reach of script and other sites, for https alone where the issuer is (RFC 6265bis section 5.6)', () => {
    const res = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage);
    setCookie(res, parseIssuer('https://mcp.example.com') as Issuer, 'a', '1', 60);
    setCookie(res, parseIssuer('http://127.0.0.1:3000') as Issuer, 'b', '', 0);
    expect(res.getHeader('set-cookie')).toEqual([
      'a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure',
      'b=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
    ]);
  });
});

test.each([
  ['text/html; charset=utf-8', 'text/html'],
  [' Text/HTML ', 'text/html'],
  ['', ''],
  [undefined, ''],
])('the media type of %p is %p, whatever its parameters and case (RFC 9110 section 8.3.1)', (header, expected) => {
  expect(mediaType({ headers: { 'content-type': header } } as IncomingMessage)).toBe(expected);
});
