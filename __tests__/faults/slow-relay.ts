import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export interface SlowRelay {
  readonly port: number;
  /** Delay of what the server answers from now on, milliseconds. */
  delay(milliseconds: number): void;
  close(): Promise<void>;
}

/** Stands between a client and a server on loopback, and makes the server seem far away. */
export async function startSlowRelay(serverPort: number): Promise<SlowRelay> {
  let delayMs = 0;
  const sockets = new Set<net.Socket>();
  const track = (socket: net.Socket) => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((client) => {
    track(client);
    const upstream = track(net.connect(serverPort, '127.0.0.1'));
    client.pipe(upstream);
    // Timers of one length fire in the order in which they were set, so bytes keep theirs.
    upstream.on('data', (bytes) => setTimeout(() => client.write(bytes), delayMs));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    delay(milliseconds) {
      delayMs = milliseconds;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
