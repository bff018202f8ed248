import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import type { UpstreamAnswer, UpstreamCall, UpstreamRefusal } from '../../lib/shared/upstream-credentials.ts';
import { staticHeaders } from '../../lib/upstream/static-headers.ts';
import {
  type Received,
  startUpstreamPair,
  type UpstreamPair,
  type UpstreamPairOptions,
} from '../helpers/upstream-pair.ts';

let pair: UpstreamPair;

afterEach(() => pair.close());

const call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"text":"ä 漢"}}}';
const challenge = 'Bearer error="invalid_token", resource_metadata="https://upstream.example/secret"';
const bearer = (token: string): UpstreamAnswer => ({ kind: 'headers', headers: { authorization: `Bearer ${token}` } });

type Answer = NonNullable<UpstreamPairOptions['answer']>;

/** Credentials that give these answers one after the other, with what they were asked. */
function credentialsOf(...answers: readonly UpstreamAnswer[]) {
  const refusals: (UpstreamRefusal | undefined)[] = [];
  const messages: unknown[] = [];
  return {
    refusals,
    messages,
    async forRequest({ refusal, readMessage }: UpstreamCall): Promise<UpstreamAnswer> {
      messages.push(await readMessage());
      const answer = answers[refusals.push(refusal) - 1];
      if (!answer) throw new Error('asked once too often');
      return answer;
    },
  };
}

/** Lets only this token in. */
const admit =
  (token: string, status = 401, header: string | null = challenge): Answer =>
  (res, { headers }) =>
    headers.authorization === `Bearer ${token}`
      ? void res.setHeader('content-type', 'application/json').end('{"ok":true}')
      : void res.writeHead(status, header === null ? {} : { 'www-authenticate': header }).end('secret text');

function send(init: RequestInit = {}): Promise<Response> {
  return fetch(pair.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: call,
    ...init,
  });
}

const sent = () => pair.received.map(({ headers, body }: Received) => [headers.authorization, body.toString()]);
const refused = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32603, message: 'the upstream server refused its credential' },
};

describe('an upstream that refuses a credential gets another one, once', () => {
  test.each([
    ['401', 401, challenge],
    ['401 without a challenge', 401, null],
    ['403 with insufficient_scope (RFC 6750 section 3.1)', 403, 'Bearer scope="b", error="insufficient_scope"'],
    [
      '403 with insufficient_scope, unquoted, after another challenge',
      403,
      'Basic realm=x, bearer error=insufficient_scope',
    ],
  ])('%s: with the same body', async (_what, status, header) => {
    const credentials = credentialsOf(bearer('old'), bearer('new'));
    pair = await startUpstreamPair({ credentials, answer: admit('new', status, header) });
    const answer = await send();
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }]);
    expect(sent()).toEqual([
      ['Bearer old', call],
      ['Bearer new', call],
    ]);
    const headers = { authorization: 'Bearer old' };
    expect(credentials.refusals).toEqual([undefined, { status, challenge: header ?? undefined, headers, attempt: 1 }]);
    expect(credentials.messages).toEqual([JSON.parse(call), JSON.parse(call)]);
    expect(pair.events).toEqual([]);
  });

  test('also where the body came in chunks, or by a parser of the app', async () => {
    const credentials = credentialsOf(bearer('old'), bearer('new'));
    pair = await startUpstreamPair({ credentials, answer: admit('new') });
    const chunks = ReadableStream.from([Buffer.from(call.slice(0, 10)), Buffer.from(call.slice(10))]);
    expect((await send({ body: chunks as never, duplex: 'half' } as RequestInit)).status).toBe(200);
    expect(sent().map(([, body]) => body)).toEqual([call, call]);
    await pair.close();

    const app = express().use(express.json());
    pair = await startUpstreamPair({
      credentials: credentialsOf(bearer('old'), bearer('new')),
      answer: admit('new'),
      inFront: (req, res, next) => void app(req as never, res as never, next),
    });
    expect((await send()).status).toBe(200);
    expect(sent().map(([, body]) => body)).toEqual([call, call]);
  });

  test.each(['GET', 'DELETE'])('also a %s', async (method) => {
    pair = await startUpstreamPair({ credentials: credentialsOf(bearer('old'), bearer('new')), answer: admit('new') });
    expect((await fetch(pair.url, { method })).status).toBe(200);
    expect(sent()).toEqual([
      ['Bearer old', ''],
      ['Bearer new', ''],
    ]);
  });

  test('a body that is too large to keep goes once, and the new credential is there for the next call', async () => {
    const credentials = credentialsOf(bearer('old'), bearer('new'));
    pair = await startUpstreamPair({ credentials, answer: admit('new'), proxy: { maxBodyBytes: 1024 } });
    const large = 'x'.repeat(300_000);
    for (const body of [large, ReadableStream.from([Buffer.from(large)])]) {
      const answers = credentialsOf(bearer('old'), bearer('new'));
      Object.assign(credentials, { forRequest: answers.forRequest });
      const answer = await send({ body: body as never, duplex: 'half' } as RequestInit);
      expect([answer.status, await answer.json()]).toEqual([502, refused]);
      expect(answers.refusals).toHaveLength(2);
    }
    expect(sent()).toEqual([
      ['Bearer old', large],
      ['Bearer old', large],
    ]);
  });
});

describe('it ends there', () => {
  test('a 401 loop is two requests and 502, never a 401 of ours (RFC 9728 section 7.7)', async () => {
    const credentials = credentialsOf(bearer('old'), bearer('new'), { kind: 'refused', reason: 'gone' });
    pair = await startUpstreamPair({ credentials, answer: admit('none') });
    const answer = await send();
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toEqual([502, null, refused]);
    expect(pair.received).toHaveLength(2);
    expect(credentials.refusals.map((refusal) => refusal?.attempt)).toEqual([undefined, 1, 2]);
    expect(credentials.refusals[2]?.headers).toEqual({ authorization: 'Bearer new' });
    expect(pair.events).toMatchObject([{ type: 'proxy.failed', reason: 'credential_refused: gone', status: 502 }]);
  });

  test('even where the credentials never tire of it', async () => {
    const credentials = credentialsOf(bearer('1'), bearer('2'), bearer('3'), bearer('4'));
    pair = await startUpstreamPair({ credentials, answer: admit('none') });
    const answer = await send();
    expect([answer.status, await answer.json()]).toEqual([502, refused]);
    expect(pair.received).toHaveLength(2);
    expect(pair.events).toMatchObject([{ type: 'proxy.failed', reason: 'unauthorized' }]);
  });

  test('with the answer of the credentials, such as a link to connect', async () => {
    const connect: UpstreamAnswer = { kind: 'answer', send: (res) => void res.writeHead(200).end('connect here') };
    pair = await startUpstreamPair({ credentials: credentialsOf(bearer('old'), connect), answer: admit('none') });
    const answer = await send();
    expect([answer.status, await answer.text()]).toEqual([200, 'connect here']);
    expect(pair.received).toHaveLength(1);
  });

  test('with 503 where none can be had now', async () => {
    const later: UpstreamAnswer = { kind: 'unavailable', reason: 'busy', retryAfterSeconds: 7 };
    pair = await startUpstreamPair({ credentials: credentialsOf(bearer('old'), later), answer: admit('none') });
    const answer = await send();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7']);
    expect(pair.events).toMatchObject([{ reason: 'credential_unavailable: busy' }]);
  });

  test('at once for headers that are the same for everybody', async () => {
    pair = await startUpstreamPair({ proxy: { upstream: staticHeaders({ 'x-key': '1' }) }, answer: admit('none') });
    expect([(await send()).status, pair.received.length]).toEqual([502, 1]);
  });

  test('a 403 for another reason is the answer', async () => {
    const credentials = credentialsOf(bearer('old'));
    pair = await startUpstreamPair({ credentials, answer: admit('none', 403, 'Bearer error="access_denied"') });
    const answer = await send();
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.text()]).toEqual([
      403,
      null,
      'secret text',
    ]);
    expect(pair.received).toHaveLength(1);
  });
});

describe('a hostile refusal', () => {
  test.each<[string, Answer]>([
    ['with a body without end', (res) => void res.writeHead(401).write('x'.repeat(200_000))],
    ['with half a body', (res) => void res.writeHead(401, { 'content-length': '100' }).write('x', () => res.destroy())],
    [
      'with a long challenge',
      (res) => void res.writeHead(401, { 'www-authenticate': `Bearer ${'a="b", '.repeat(1500)}` }).end(),
    ],
    ['with odd bytes', (res) => void res.writeHead(401, { 'www-authenticate': 'Bearer \xff\x80"' }).end()],
  ])('%s does not keep the next attempt from its answer', async (_what, refuse) => {
    const credentials = credentialsOf(bearer('old'), bearer('new'));
    const answer: Answer = (res, received) =>
      received.headers.authorization === 'Bearer new' ? void res.end('fine') : refuse(res, received);
    pair = await startUpstreamPair({ credentials, answer });
    const outcome = await send();
    expect([outcome.status, await outcome.text()]).toEqual([200, 'fine']);
  });

  test('stops where the client has left', async () => {
    const asked: string[] = [];
    let wasRefused: () => void = () => undefined;
    const refusedOnce = new Promise<void>((resolve) => {
      wasRefused = resolve;
    });
    let goOn: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let req: IncomingMessage | undefined;
    pair = await startUpstreamPair({
      answer: admit('none'),
      credentials: {
        async forRequest(upstreamCall) {
          asked.push(upstreamCall.refusal ? 'again' : 'first');
          if (!upstreamCall.refusal) return bearer('old');
          req = upstreamCall.req;
          wasRefused();
          await left;
          return bearer('new');
        },
      },
    });
    const controller = new AbortController();
    const outcome = send({ signal: controller.signal }).catch((error: Error) => error.name);
    await refusedOnce;
    const closed = once((req as IncomingMessage).socket, 'close');
    controller.abort();
    expect(await outcome).toBe('AbortError');
    await closed;
    goOn();
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked, pair.received.length, pair.events]).toEqual([['first', 'again'], 1, []]);
  });
});
