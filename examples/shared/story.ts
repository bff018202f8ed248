/** What the self-checks of the examples have in common: steps that are told one by one, and a server on loopback. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Runs one step and tells it. */
export async function step<T>(name: string, run: () => Promise<T> | T): Promise<T> {
  try {
    const result = await run();
    console.log(`ok     ${name}`);
    return result;
  } catch (error) {
    console.log(`FAILED ${name}`);
    throw error;
  }
}

export function require(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

/** On loopback. @param port 0 takes a free one @returns the origin */
export async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** Something that runs until it is closed. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it, tells its story, and closes it whatever happens. */
export async function tell<T extends Running>(start: Promise<T>, story: (running: T) => Promise<void>): Promise<void> {
  const running = await start;
  try {
    await story(running);
    console.log('\nEvery step held.');
  } finally {
    await running.close();
  }
}

/** Keeps it running until it is interrupted. */
export async function serve(start: Promise<Running>, text: (url: string) => string): Promise<void> {
  const running = await start;
  console.log(text(running.url));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void running.close().then(() => process.exit(0)));
}
