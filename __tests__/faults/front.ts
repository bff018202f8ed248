/**
 * What stands in front of several processes: passes each connection on to the next of them, byte by byte. It adds no
 * header, so that every process sees what the client sent.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { until } from './rounds.ts';

export interface Front {
  readonly url: string;
  /** Puts a process into rotation under its number. */
  join(index: number, port: number): void;
  /** Takes it out of rotation; connections that it has go on. Settles when what they ask for was sent to it. */
  leave(index: number): Promise<void>;
  /** Sends new connections to one process; `undefined` gives each its turn again. */
  steer(index: number | undefined): void;
  /** Ends new connections at the first byte of the answer: what was asked is done, and the client never hears of it. */
  loseAnswers(isOn: boolean): void;
  /** How many connections each process got. */
  readonly served: ReadonlyMap<number, number>;
  close(): Promise<void>;
}

export async function startFront(): Promise<Front> {
  const ports = new Map<number, number>();
  const served = new Map<number, number>();
  const sockets = new Set<net.Socket>();
  /** Connections to a process on which nothing was sent yet: it would take them for idle. */
  const silent = new Map<net.Socket, number>();
  let turn = 0;
  let steered: number | undefined;
  let isLosing = false;

  function track(socket: net.Socket): net.Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }

  function nextIndex(): number | undefined {
    if (steered !== undefined) return ports.has(steered) ? steered : undefined;
    const indexes = [...ports.keys()].sort();
    turn += 1;
    return indexes[turn % indexes.length];
  }

  /** A process that refuses the connection was not asked anything: another one is. */
  function connect(client: net.Socket, attempts: number): void {
    const index = nextIndex();
    if (index === undefined || attempts === 0 || client.destroyed) return void client.destroy();
    const upstream = track(net.connect(ports.get(index) as number, '127.0.0.1'));
    let isConnected = false;
    upstream.on('connect', () => {
      isConnected = true;
      served.set(index, (served.get(index) ?? 0) + 1);
      silent.set(upstream, index);
      client.once('data', () => silent.delete(upstream));
      client.pipe(upstream);
      if (isLosing) upstream.once('data', () => client.destroy());
      else upstream.pipe(client);
    });
    upstream.on('close', () => silent.delete(upstream));
    upstream.on('close', () => (isConnected ? client.destroy() : connect(client, attempts - 1)));
    client.on('close', () => upstream.destroy());
  }

  const server = net.createServer((client) => connect(track(client), 3));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    join: (index, port) => void ports.set(index, port),
    async leave(index) {
      ports.delete(index);
      await until(async () => ![...silent.values()].includes(index), 5000).catch(() => {}); // Some are never used.
    },
    steer(index) {
      steered = index;
    },
    loseAnswers(isOn) {
      isLosing = isOn;
    },
    served,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
