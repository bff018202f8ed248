import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestAuthority {
  /** The authority's own certificate, PEM. */
  readonly ca: string;
  /** Certificate and key for {@link createTestAuthority}'s names, PEM. */
  readonly certificate: { readonly cert: string; readonly key: string };
}

/** Makes a certificate authority and one certificate for these names, such as `DNS:client.test`. Needs openssl 3. */
export function createTestAuthority(names: readonly string[]): TestAuthority {
  const directory = mkdtempSync(join(tmpdir(), 'test-authority-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const create = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const leaf = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:false'];
  try {
    openssl(...create, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test authority');
    const subject = ['-subj', '/CN=test listener', '-addext', `subjectAltName=${names.join()}`];
    openssl(...create, ...leaf, ...subject, '-keyout', 'leaf.key', '-out', 'leaf.pem');
    return { ca: read('ca.pem'), certificate: { cert: read('leaf.pem'), key: read('leaf.key') } };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface Listener {
  readonly port: number;
  /** Every TCP connection so far. */
  readonly connections: readonly net.Socket[];
  /** Settles with the first TCP connection. */
  readonly firstConnection: Promise<net.Socket>;
}

export interface Listeners {
  https(certificate: TestAuthority['certificate'], listener?: http.RequestListener): Promise<Listener>;
  http(listener?: http.RequestListener): Promise<Listener>;
  tcp(onSocket: (socket: net.Socket) => void): Promise<Listener>;
  /** A listener at 127.0.0.2 that reads and never answers: for what must not be reached. */
  canary(port: number): Promise<Listener>;
  /** Closes all of them with their connections. */
  close(): Promise<void>;
}

/** Resolves when a connection has ended, well or badly. */
export async function closed(socket: net.Socket): Promise<boolean> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return socket.closed;
}

/** Real listeners on loopback. Without a request listener they answer 200 `ok`. */
export function createListeners(): Listeners {
  const open: { server: net.Server; connections: net.Socket[] }[] = [];
  const answerOk: http.RequestListener = (_request, response) => void response.end('ok');

  async function listen(server: net.Server, host = '127.0.0.1', port = 0): Promise<Listener> {
    const connections: net.Socket[] = [];
    const firstConnection = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
    server.on('connection', (socket) => connections.push(socket.on('error', () => {})));
    open.push({ server, connections });
    server.listen(port, host);
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, connections, firstConnection };
  }

  return {
    https: (certificate, listener = answerOk) => listen(https.createServer(certificate, listener)),
    http: (listener = answerOk) => listen(http.createServer(listener)),
    tcp: (onSocket) => listen(net.createServer(onSocket)),
    canary: (port) =>
      listen(
        net.createServer((socket) => void socket.resume()),
        '127.0.0.2',
        port,
      ),
    async close() {
      for (const { server, connections } of open.splice(0)) {
        for (const socket of connections) socket.destroy();
        await new Promise((closed) => server.close(closed));
      }
    },
  };
}
