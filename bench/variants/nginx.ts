/** nginx in front of an upstream, without any check: what passing a request on costs at least. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announce, readSettings } from '../harness/serve.ts';

/** Clock ticks of `/proc` in a second: 100 on every Linux that Node runs on. */
const microsPerTick = 10_000;
const bytesPerPage = 4096;

const { upstream } = readSettings<{ readonly upstream: string }>();

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
const file = join(folder, 'nginx.conf');
writeFileSync(
  file,
  `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream mcp { server ${new URL(upstream).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 100000000;
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
);
const nginx = spawn('nginx', ['-c', file, '-p', folder], { stdio: 'ignore' });
nginx.once('exit', () => process.exit(1));
process.once('exit', () => {
  nginx.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const url = `http://127.0.0.1:${port}`;
/** Up to five seconds. */
for (let tries = 0; tries < 100; tries += 1) {
  const isUp = await fetch(url).then(
    () => true,
    () => false,
  );
  if (isUp) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
}

announce(url, () => {
  // Behind the name in parentheses: fields 14 and 15 are user and system time, field 24 the resident pages (proc(5)).
  const stat = readFileSync(`/proc/${nginx.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    cpuMicros: (Number(fields[11]) + Number(fields[12])) * microsPerTick,
    rssBytes: Number(fields[21]) * bytesPerPage,
  };
});
