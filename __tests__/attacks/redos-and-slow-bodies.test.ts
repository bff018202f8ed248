/** Time and room: patterns that explode, slow and endless bodies, held connections, ten thousand attackers */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memoryStorage, type Storage } from '../../lib/index.ts';
import { type Parameters, register, send } from '../helpers/oauth-client.ts';
import { startTarget, type Target } from './support.ts';

let target: Target;
let storage: Storage;
beforeAll(async () => {
  storage = memoryStorage();
  target = await startTarget({ trustsProxy: true, options: () => ({ storage }) });
});
afterAll(() => target.close());

describe('text that makes patterns explode takes the time that its length takes (CVE-2026-0621, CVE-2024-45296)', () => {
  const evil: [string, string][] = [
    ['spaces', `${' '.repeat(6000)}x`],
    ['words', `${'a '.repeat(3000)}!`],
    ['one letter', `${'a'.repeat(6000)}!`],
    ['digits', `${'1'.repeat(6000)}x`],
    ['dots', `${'.'.repeat(6000)}x`],
    ['slashes', `/${'/'.repeat(6000)}x`],
    ['dashes', `${'-'.repeat(6000)}x`],
    ['commas', `${','.repeat(6000)}x`],
    ['equals', `${'='.repeat(6000)}x`],
    ['quotes', `"${'\\"'.repeat(3000)}`],
    ['brackets', `${'['.repeat(6000)}x`],
    ['at signs', `${'@'.repeat(6000)}x`],
    ['percent signs', `${'%25'.repeat(2000)}x`],
    ['tabs', `${'\t'.repeat(6000)}x`],
    ['parameters', `${'x="y",'.repeat(1000)}`],
    ['semicolons', `${';'.repeat(6000)}x`],
    ['base64', `${'AAAA'.repeat(1500)}=!`],
    ['tokens', `${'a.'.repeat(3000)}`],
  ];
  const ask = async (text: string): Promise<void> => {
    const header = text.replace(/[^\x20-\x7e\t]/g, '');
    const asked = [
      'scope',
      'resource',
      'redirect_uri',
      'state',
      'prompt',
      'ui_locales',
      'acr_values',
      'max_age',
      'client_id',
      'login_hint',
      'code_challenge',
    ];
    const requests = [
      ...asked.map((name) => send(target.client.authorizeUrl({ [name]: text } as Parameters))),
      ...['scope', 'resource', 'code', 'code_verifier', 'client_assertion', 'client_id'].map((name) =>
        target.client.redeem('x', { [name]: text }),
      ),
      ...[
        'authorization',
        'cookie',
        'accept-language',
        'content-type',
        'dpop',
        'origin',
        'forwarded',
        'x-forwarded-for',
        'x-forwarded-host',
        'accept',
        'user-agent',
        'mcp-name',
        'mcp-method',
      ].map((name) =>
        send(`${target.url}/mcp`, { headers: { [name]: name === 'authorization' ? `Bearer ${header}` : header } }),
      ),
      register(target.url, {
        redirect_uris: [text, `https://client.example/${encodeURIComponent(text)}`],
        client_name: text,
        scope: text,
      }),
      send(`${target.url}/${encodeURIComponent(text).slice(0, 6000)}`),
      send(`${target.url}/.well-known/oauth-protected-resource/${encodeURIComponent(text).slice(0, 6000)}`),
    ];
    for (const { status } of await Promise.all(requests)) expect(status).toBeLessThan(500);
  };

  // The test's own limit of time is the measure: a pattern that explodes takes minutes at such lengths.
  it.each(evil)('%s', (_what, text) => ask(text), 20_000);
});

describe('a body that does not come is waited for by nobody else (CWE-400)', () => {
  const host = () => new URL(target.url).host;
  const open = (bytes: string) => {
    const socket = net.connect(Number(new URL(target.url).port), '127.0.0.1').on('error', () => undefined);
    socket.write(bytes);
    return socket;
  };
  const heads = (): string[] => [
    `POST /oauth/token HTTP/1.1\r\nHost: ${host()}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ngrant_type=`,
    `POST /oauth/register HTTP/1.1\r\nHost: ${host()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"red`,
    `POST /mcp HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 1000\r\n\r\n`,
    `GET /oauth/authorize HTTP/1.1\r\nHost: ${host()}\r\nX-Slow: `,
    'POST /oauth/tok',
  ];

  it('two hundred held connections leave others served', async () => {
    const sockets = Array.from({ length: 200 }, (_, index) => open(heads()[index % heads().length] as string));
    await Promise.all(sockets.map((socket) => (socket.connecting ? once(socket, 'connect') : undefined)));
    expect((await send(`${target.url}/.well-known/oauth-authorization-server`)).status).toBe(200);
    expect((await target.tokens()).access).not.toBe('');
    for (const socket of sockets) socket.destroy();
  });

  it('clients that go away in the middle are no failure (an event, an exception)', async () => {
    const before = target.gateway.events.length;
    for (const head of heads()) {
      const socket = open(head);
      await once(socket, 'connect');
      socket.destroy();
      await once(socket, 'close');
    }
    expect((await send(`${target.url}/public`)).status).toBe(200);
    expect(target.gateway.events.slice(before).filter(({ type }) => type === 'server.error')).toEqual([]);
  });

  it.each(['/oauth/token', '/oauth/register', '/oauth/par', '/oauth/introspect', '/oauth/backchannel-logout'])(
    'a body without end at %s is refused while it still comes',
    async (path) => {
      const type = path.endsWith('register') ? 'application/json' : 'application/x-www-form-urlencoded';
      const socket = open(
        `POST ${path} HTTP/1.1\r\nHost: ${host()}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      const answer = once(socket, 'data');
      const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
      for (let sent = 0; sent < 30; sent += 1) if (!socket.destroyed) socket.write(chunk);
      expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 (?:400|413) /);
      socket.destroy();
    },
  );

  it('a body that is declared too large is refused before it comes', async () => {
    const socket = open(
      `POST /oauth/register HTTP/1.1\r\nHost: ${host()}\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n`,
    );
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });
});

describe('ten thousand attackers (CWE-770)', () => {
  const address = (index: number) => `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Bytes in use once everything that can be thrown away was. */
  function heapBytes(): number {
    for (let times = 0; times < 3; times += 1) collect();
    return process.memoryUsage().heapUsed;
  }

  it('each known once, leave no more behind than their records in the store', async () => {
    const paths = (index: number) => [
      `/oauth/authorize?client_id=https://a${index}.evil.example/x&response_type=code`,
      `/oauth/authorize?client_id=unknown-${index}`,
      '/mcp',
      `/.well-known/oauth-protected-resource/${index}`,
      `/oauth/callback?state=${index}&code=x`,
    ];
    const requestOf = (index: number) =>
      `GET ${paths(index)[index % 5]} HTTP/1.1\r\nHost: ${new URL(target.url).host}\r\nX-Forwarded-For: ${address(index)}\r\n` +
      `User-Agent: attacker ${index}\r\nOrigin: null\r\nAuthorization: Bearer forged-${index}\r\n`;
    /** Ten on each connection, one behind the other. */
    const attack = async (from: number, count: number) => {
      for (let start = from; start < from + count; start += 10) {
        const requests = Array.from({ length: 10 }, (_, offset) => requestOf(start + offset));
        const answers = await target.raw(`${requests.join('\r\n')}Connection: close\r\n\r\n`);
        expect(answers.match(/HTTP\/1\.1 4\d\d /g)).toHaveLength(10);
      }
    };
    await attack(0, 1000); // Everything that is made once is made.
    const events = target.gateway.events;
    events.length = 0;
    const before = heapBytes();
    await attack(1000, 10_000);
    events.length = 0;
    target.host.lookups.length = 0;
    // What a process keeps of strangers is bounded by count: 5000 resting ones, 10000 names and the like, each of some bytes.
    // Timers and sockets of the last requests hold some more for a while.
    const bound = before + 32 * 1024 * 1024;
    const last = performance.now() + 60_000;
    while (heapBytes() >= bound && performance.now() < last) await pause(500);
    expect(heapBytes()).toBeLessThan(bound);
    expect((await target.tokens()).access).not.toBe('');
  });
});
