import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const template = readFileSync(new URL('./nginx.conf', import.meta.url), 'utf8');
const attempts = 5;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export interface Nginx {
  readonly origin: string;
  /** Reads its configuration anew, with these replicas. */
  use(replicas: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

async function answers(origin: string, nginx: ChildProcess): Promise<boolean> {
  while (nginx.exitCode === null) {
    if (
      await fetch(`${origin}/nginx-is-up`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return true;
    await pause(20);
  }
  return false;
}

/** nginx from the system, on a free port and in a folder of its own. @throws Error where it does not start */
export async function startNginx(): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'example-nginx-'));
  const file = join(folder, 'nginx.conf');
  let failure = '';
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = await freePort();
    const write = (replicas: readonly string[]) =>
      writeFileSync(
        file,
        template
          .replace('listen 8080', `listen 127.0.0.1:${port}`)
          .replace(
            /server 127\.0\.0\.1:3001;\s+server 127\.0\.0\.1:3002;/,
            replicas.map((url) => `server ${new URL(url).host};`).join(' '),
          )
          .replace(/^user .*$/m, process.getuid?.() === 0 ? 'user root;' : ''),
      );
    write(['http://127.0.0.1:9']);
    const args = ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off; pid nginx.pid;'];
    const path = `${process.env.PATH}:/usr/sbin`;
    const nginx = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: path } });
    nginx.stderr?.on('data', (data) => {
      failure += data;
    });
    const origin = `http://127.0.0.1:${port}`;
    if (await answers(origin, nginx)) {
      return {
        origin,
        async use(replicas) {
          write(replicas);
          nginx.kill('SIGHUP');
          // A new worker answers once it has read the file; until then a replica is none.
          while (
            !(await fetch(`${origin}/gateway/`).then(
              ({ status }) => status !== 502,
              () => false,
            ))
          )
            await pause(20);
        },
        async close() {
          nginx.kill('SIGTERM');
          await once(nginx, 'exit');
          rmSync(folder, { recursive: true, force: true });
        },
      };
    }
  }
  throw new Error(`nginx does not start: ${failure}`);
}
