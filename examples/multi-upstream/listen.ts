import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** On a loopback port. @param port 0 takes a free one @returns the origin */
export async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
