import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One user with one keep-alive connection. */
export type Send = (call: Call) => Promise<Answer>;

/** @param localAddress loopback address that the server sees, such as `127.0.0.7` */
export function createUser(url: string, localAddress = '127.0.0.1'): Send {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return ({ method = 'GET', path, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const all = { ...headers, ...length };
      const request = httpRequest({ agent, host: hostname, port, method, path, headers: all, localAddress });
      request.once('error', reject);
      request.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      request.end(body);
    });
}

/** @throws Error where the answer has another status: a run that measures errors ends */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  throw new Error(`expected ${status}, got ${answer.status}: ${answer.body.slice(0, 300)}`);
}

export interface Slice {
  readonly operations: number;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

/** Repeats every worker's operation for some time, each as fast as it is answered. All of them have ended at the end. */
export async function runFor(milliseconds: number, workers: readonly (() => Promise<void>)[]): Promise<Slice> {
  const latenciesMs: number[] = [];
  const start = performance.now();
  const end = start + milliseconds;
  await Promise.all(
    workers.map(async (operation) => {
      for (let begun = performance.now(); begun < end; ) {
        await operation();
        const now = performance.now();
        latenciesMs.push(now - begun);
        begun = now;
      }
    }),
  );
  return { operations: latenciesMs.length, seconds: (performance.now() - start) / 1000, latenciesMs };
}
