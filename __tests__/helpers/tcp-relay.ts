import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export interface TcpRelay {
  readonly port: number;
  /** Ends every connection, and each new one at once, until `open`. */
  cut(): void;
  /** Takes connections and bytes, and passes none on, as a network does that drops packets; until `open`. */
  silence(): void;
  /** Passes on again what comes from now on: silenced connections stay silent. */
  open(): void;
  close(): Promise<void>;
}

/** Stands between a client and a server on loopback, for faults that a server itself does not have. */
export async function startRelay(serverPort: number): Promise<TcpRelay> {
  let state: 'open' | 'cut' | 'silent' = 'open';
  const sockets = new Set<net.Socket>();

  function track(socket: net.Socket): net.Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }

  const server = net.createServer((client) => {
    track(client);
    if (state === 'cut') client.destroy();
    if (state !== 'open') return;
    const upstream = track(net.connect(serverPort, '127.0.0.1'));
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function cut(): void {
    state = 'cut';
    for (const socket of sockets) socket.destroy();
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    silence() {
      state = 'silent';
      for (const socket of sockets) socket.unpipe().pause();
    },
    open() {
      state = 'open';
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
