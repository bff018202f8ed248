import type { RequestListener, Server } from 'node:http';

export interface Pages {
  readonly handle: RequestListener;
  readonly isNext: boolean;
  close(): Promise<void>;
}

interface NextServer {
  prepare(): Promise<void>;
  getRequestHandler(): RequestListener;
  close(): Promise<void>;
}

/** As text, so that this project compiles where Next.js is not installed: it is 375 MB that no other part needs. */
const packageName: string = 'next';

/** The pages of the folder `app`, built by `next build`; a stand-in where Next.js is not installed. */
export async function startPages(httpServer: Server): Promise<Pages> {
  const next = await import(packageName).then(
    (module) => module.default as (options: object) => NextServer,
    () => undefined,
  );
  if (!next) {
    const handle: RequestListener = (_req, res) => void res.end('<h1>Hello from Next.js</h1>');
    return { handle, isNext: false, close: async () => {} };
  }
  const server = next({ dev: false, dir: import.meta.dirname, httpServer });
  await server.prepare();
  return { handle: server.getRequestHandler(), isNext: true, close: () => server.close() };
}
