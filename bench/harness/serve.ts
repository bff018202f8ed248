import { createServer, type RequestListener } from 'node:http';
import { Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import type { CallCounter } from './call-counter.ts';
import type { Answers, Question, QuestionMessage, ServerMessage } from './protocol.ts';

/** What a variant's file serves. */
export interface Variant {
  readonly listener: RequestListener;
  /** Present where calls are counted. */
  readonly counter?: CallCounter | undefined;
}

/** CPU time and memory of this process. */
export function ownUsage(): Answers['usage'] {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() };
}

/** Runs a server process: listens on loopback, tells its URL and answers questions until its parent is gone. */
export async function serve<Settings>(create: (settings: Settings, url: string) => Promise<Variant>): Promise<void> {
  const server = createServer({ keepAliveTimeout: 600_000 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { listener, counter } = await create(readSettings<Settings>(), url);
  server.on('request', listener);
  announce(url, ownUsage, counter);
}

/** What the parent started this process with. */
export function readSettings<Settings>(): Settings {
  return JSON.parse(process.argv[2] ?? '{}') as Settings;
}

/** Tells the parent where the server is, and answers its questions until it is gone. */
export function announce(url: string, usage: () => Answers['usage'], counter?: CallCounter): void {
  process.once('disconnect', () => process.exit());
  const inspector = new Session();
  const answers: { readonly [Name in Question]: () => Answers[Name] | Promise<Answers[Name]> } = {
    usage,
    counts: () => counter?.take() ?? { storage: [], engine: [] },
    async startProfile() {
      inspector.connect();
      await inspector.post('Profiler.enable');
      await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
      await inspector.post('Profiler.start');
      return null;
    },
    async stopProfile() {
      const { profile } = await inspector.post('Profiler.stop');
      inspector.disconnect();
      return JSON.stringify(profile);
    },
  };
  const send = (message: ServerMessage) => process.send?.(message);
  process.on('message', async ({ id, question }: QuestionMessage) => {
    send({ id, answer: await answers[question]() });
  });
  send({ ready: { url } });
}
