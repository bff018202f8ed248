import { execFile } from 'node:child_process';
import net from 'node:net';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Lookup } from '../../lib/shared/checked-connection.ts';
import { createOutbound, type OutboundOptions, type OutboundRequest } from '../../lib/shared/outbound.ts';
import { closed, createListeners, createTestAuthority, type TestAuthority } from '../helpers/listeners.ts';

const publicAddress = '8.8.8.8';
const listeners = createListeners();
let authority: TestAuthority;

beforeAll(() => {
  authority = createTestAuthority(['DNS:client.test', 'DNS:localhost', 'IP:127.0.0.1']);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await listeners.close();
});

const serveHttps = () => listeners.https(authority.certificate);

/** A resolver that gives these addresses to every name: one list for each call, the last one for all later calls. */
function resolving(...answers: string[][]) {
  return jest.fn<Lookup>((_hostname, _options, callback) => {
    const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    const found = addresses.map((address) => ({ address, family: net.isIP(address) }));
    callback(null, found);
  });
}

/** The client of an issuer that is not on loopback. */
function publicClient(options: OutboundOptions = {}) {
  return createOutbound({ lookup: resolving(['127.0.0.1']), ca: authority.ca, ...options });
}

/** The client of an issuer on 127.0.0.1; every name is there too. */
function loopbackClient(options: OutboundOptions = {}) {
  return publicClient({ loopbackAddress: '127.0.0.1', ...options });
}

/** The status of a fetch, or the reason why there is none. */
function outcomeOf(client: ReturnType<typeof createOutbound>, url: string, request: Partial<OutboundRequest> = {}) {
  const outcome = client.fetch(url, { timeoutMs: 5000, maxResponseBytes: 1000, purpose: 'test document', ...request });
  return outcome.then(
    ({ status }): unknown => status,
    ({ reason }): unknown => reason,
  );
}

/** Where connections go to. `as` stands in for the network: without it they are really made. */
function watchDialling(as?: (options: net.TcpNetConnectOpts) => net.Socket) {
  const dial = jest.spyOn(net, 'connect') as unknown as jest.Mock<(options: net.TcpNetConnectOpts) => net.Socket>;
  return as === undefined ? dial : dial.mockImplementation(as);
}

const unreachable = () => new net.Socket().destroy(new Error('no network beyond loopback in this test'));

describe('an address', () => {
  test.each([
    '127.0.0.1',
    '2130706433',
    '017700000001',
    '0x7f.1',
    '127.1',
    '0177.0.0.1',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[::1]',
    '[64:ff9b::7f00:1]',
    '0.0.0.0',
    '169.254.169.254',
  ])('that is special-use, written as %s, sees no packet and no look-up (RFC 6890)', async (host) => {
    const { port, connections } = await serveHttps();
    const dial = watchDialling();
    const lookup = resolving([publicAddress]);
    expect(await outcomeOf(publicClient({ lookup }), `https://${host}:${port}/`)).toBe('address_refused');
    expect([connections.length, dial.mock.calls.length, lookup.mock.calls.length]).toEqual([0, 0, 0]);
  });

  test('of the issuer itself on loopback is reached by literal and by name, with dot or without (RFC 6066 section 3)', async () => {
    const serverNames: unknown[] = [];
    const { port } = await listeners.https(authority.certificate, (request, response) => {
      serverNames.push((request.socket as tls.TLSSocket).servername);
      response.end();
    });
    for (const host of ['127.0.0.1', '127.1', 'client.test', 'client.test.']) {
      expect(await outcomeOf(loopbackClient(), `https://${host}:${port}/`)).toBe(200);
    }
    expect(serverNames).toEqual([false, false, 'client.test', 'client.test']);
  });

  test.each(['127.0.0.2', '::1', '::ffff:127.0.0.1', '10.0.0.1', 'fd00::1', '192.0.2.1', '::1%lo'])(
    'other than the one of an issuer on 127.0.0.1 is refused, as a literal and behind a name: %s',
    async (address) => {
      const { port } = await serveHttps();
      const canary = await listeners.canary(port);
      const dial = watchDialling();
      const literal = net.isIPv6(address) ? `[${address}]` : address;
      const client = loopbackClient({ lookup: resolving([address]) });
      expect(await outcomeOf(client, `https://client.test:${port}/`)).toBe('address_refused');
      expect(await outcomeOf(client, `https://${literal}:${port}/`)).toMatch(/^address_refused$|^invalid_url$/);
      expect([canary.connections.length, dial.mock.calls.length]).toEqual([0, 0]);
    },
  );

  test.each([[['127.0.0.1', '127.0.0.2']], [['127.0.0.2', '127.0.0.1']], [['127.0.0.1', '10.0.0.1']]])(
    'that is good does not help a name that has a bad one too: %j',
    async (addresses) => {
      const { port } = await serveHttps();
      const canary = await listeners.canary(port);
      const dial = watchDialling();
      const client = loopbackClient({ lookup: resolving(addresses) });
      expect(await outcomeOf(client, `https://client.test:${port}/`)).toBe('address_refused');
      expect([canary.connections.length, dial.mock.calls.length]).toEqual([0, 0]);
    },
  );

  test('that was checked is the one connected to when a second look-up would give another (DNS rebinding)', async () => {
    const { port, connections } = await serveHttps();
    const canary = await listeners.canary(port);
    const lookup = resolving(['127.0.0.1'], ['127.0.0.2']);
    const client = loopbackClient({ lookup });
    expect(await outcomeOf(client, `https://client.test:${port}/`)).toBe(200);
    expect([lookup.mock.calls.length, connections.length, canary.connections.length]).toEqual([1, 1, 0]);
    expect(await outcomeOf(client, `https://client.test:${port}/`)).toBe('address_refused');
    expect([lookup.mock.calls.length, connections.length, canary.connections.length]).toEqual([2, 1, 0]);
  });

  test("may bring a port of its own at the issuer's loopback address, and nowhere else", async () => {
    const { port, connections } = await serveHttps();
    const at = (address: string): Lookup => {
      return (_hostname, _options, callback) => callback(null, [{ address, family: 4, port }]);
    };
    expect(await outcomeOf(loopbackClient({ lookup: at('127.0.0.1') }), 'https://client.test/')).toBe(200);
    expect(connections).toHaveLength(1);

    const dial = watchDialling(unreachable);
    const elsewhere = loopbackClient({ lookup: at(publicAddress) });
    expect(await outcomeOf(elsewhere, 'https://client.test/')).toBe('connect_failed');
    expect(dial.mock.calls).toEqual([[{ host: publicAddress, port: 443 }]]);
  });

  test('that is public is dialled itself, so nothing resolves the name again', async () => {
    const dial = watchDialling(unreachable);
    const lookup = resolving([publicAddress], ['127.0.0.1']);
    expect(await outcomeOf(publicClient({ lookup }), 'https://client.test/')).toBe('connect_failed');
    expect(dial.mock.calls).toEqual([[{ host: publicAddress, port: 443 }]]);
    expect(lookup.mock.calls.map(([hostname, options]) => [hostname, options])).toEqual([
      ['client.test', { all: true }],
    ]);
  });

  test('where a connection ended against expectation gets not one byte', async () => {
    const { port } = await listeners.http();
    const canary = await listeners.canary(port);
    const connect = net.connect;
    watchDialling((options) => connect({ ...options, host: '127.0.0.2' }));
    const outcome = outcomeOf(loopbackClient(), `http://client.test:${port}/`, { allowHttpLoopback: true });
    expect(await outcome).toBe('address_refused');
    const socket = await canary.firstConnection;
    await closed(socket);
    expect(socket.bytesRead).toBe(0);
  });

  test("of localhost that is not the issuer's is skipped; of any other name it is refused", async () => {
    const { port } = await serveHttps();
    const reach = (addresses: string[], host: string) =>
      outcomeOf(loopbackClient({ lookup: resolving(addresses) }), `https://${host}:${port}/`);
    expect(await reach(['::1', '127.0.0.1'], 'localhost')).toBe(200);
    expect(await reach(['::1', '127.0.0.1'], 'localhost.')).toBe(200);
    expect(await reach(['::1'], 'localhost')).toBe('address_refused');
    expect(await reach(['127.0.0.1', '10.0.0.1'], 'localhost')).toBe('address_refused');
    expect(await reach(['::1', '127.0.0.1'], 'client.test')).toBe('address_refused');
    const remote = publicClient({ lookup: resolving(['::1', '127.0.0.1']) });
    expect(await outcomeOf(remote, `https://localhost:${port}/`)).toBe('address_refused');
  });

  test('of an internal host may be private, by exact name and port, never loopback or link-local', async () => {
    const dial = watchDialling(unreachable);
    const internalHosts = ['clients.corp.example:443', '10.0.0.7:8443'];
    const reach = (address: string, url: string) =>
      outcomeOf(publicClient({ lookup: resolving([address]), internalHosts }), url);
    expect(await reach('10.1.2.3', 'https://clients.corp.example/')).toBe('connect_failed');
    expect(await reach('10.1.2.3', 'https://10.0.0.7:8443/')).toBe('connect_failed');
    expect(dial.mock.calls).toEqual([[{ host: '10.1.2.3', port: 443 }], [{ host: '10.0.0.7', port: 8443 }]]);
    expect(await reach('10.1.2.3', 'https://clients.corp.example:8443/')).toBe('address_refused');
    expect(await reach('10.1.2.3', 'https://x.clients.corp.example/')).toBe('address_refused');
    expect(await reach('127.0.0.1', 'https://clients.corp.example/')).toBe('address_refused');
    expect(await reach('169.254.169.254', 'https://clients.corp.example/')).toBe('address_refused');
    expect(dial).toHaveBeenCalledTimes(2);
  });

  test('that is not loopback is no exception that an issuer can have', () => {
    expect(() => createOutbound({ loopbackAddress: '10.0.0.1' })).toThrow('loopbackAddress must be a loopback address');
  });
});

describe('a resolver', () => {
  test.each<[string, Lookup]>([
    ['an error', (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), [])],
    ['no address', resolving([])],
    ['nothing', (_hostname, _options, callback) => callback(null, undefined as unknown as string)],
    [
      'an exception',
      () => {
        throw new Error('broken');
      },
    ],
  ])('that gives %s is reported as dns_failed', async (_what, lookup) => {
    expect(await outcomeOf(publicClient({ lookup }), 'https://client.test/')).toBe('dns_failed');
  });

  test('that gives a single address as text has it checked like any other', async () => {
    const { port } = await serveHttps();
    const reach = (address: string) => {
      const client = loopbackClient({ lookup: (_hostname, _options, callback) => callback(null, address) });
      return outcomeOf(client, `https://client.test:${port}/`);
    };
    expect(await reach('127.0.0.1')).toBe(200);
    expect(await reach('127.0.0.2')).toBe('address_refused');
  });
});

describe('TLS', () => {
  test('refuses a certificate of an unknown authority and one for another name', async () => {
    const { port } = await serveHttps();
    const untrusting = createOutbound({ lookup: resolving(['127.0.0.1']), loopbackAddress: '127.0.0.1' });
    expect(await outcomeOf(untrusting, `https://client.test:${port}/`)).toBe('tls_failed');
    expect(await outcomeOf(loopbackClient(), `https://other.test:${port}/`)).toBe('tls_failed');
  });

  test('trusts a given authority beside the default roots, not in their place', async () => {
    const { port } = await serveHttps();
    const createContext = jest.spyOn(tls, 'createSecureContext');
    const client = loopbackClient({ ca: [authority.ca] });
    for (let fetches = 0; fetches < 2; fetches += 1) {
      expect(await outcomeOf(client, `https://client.test:${port}/`)).toBe(200);
    }
    const trusted = createContext.mock.calls.map(([options]) => options?.ca).filter((ca) => ca !== undefined);
    expect(trusted).toEqual([[...tls.getCACertificates('default'), authority.ca]]);
  });

  test('reports a listener that does not speak it, and closes the connection', async () => {
    const { port, firstConnection } = await listeners.tcp((socket) => void socket.end('220 mail ready\r\n').resume());
    expect(await outcomeOf(loopbackClient(), `https://client.test:${port}/`)).toBe('tls_failed');
    expect(await closed(await firstConnection)).toBe(true);
  });

  test('and routing do not follow environment variables', async () => {
    const { port } = await serveHttps();
    const canary = await listeners.canary(port);
    const proxy = `http://127.0.0.2:${port}`;
    const script = `
      const { createOutbound } = await import(${JSON.stringify(new URL('../../lib/shared/outbound.ts', import.meta.url))});
      const client = createOutbound({ loopbackAddress: '127.0.0.1' });
      const request = { timeoutMs: 5000, maxResponseBytes: 1000, purpose: 'test document' };
      const outcome = client.fetch('https://127.0.0.1:${port}/', request);
      console.log(await outcome.then(({ status }) => status, ({ reason }) => reason));`;
    const environment = {
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: proxy,
      https_proxy: proxy,
      NO_PROXY: '',
    };
    const child = promisify(execFile)(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
      env: { ...process.env, ...environment },
    });
    expect((await child).stdout.trim()).toBe('tls_failed');
    expect(canary.connections.length).toBe(0);
  });
});
