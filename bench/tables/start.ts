import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { quantile, shuffled } from '../harness/statistics.ts';
import type { CountTable } from '../harness/table.ts';

const rounds = 9;
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Built as the package is: among packages, so that it finds its dependencies. */
const built = `${root}bench/node_modules/.built/`;

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMiB: number;
}

interface Subject {
  readonly name: string;
  readonly code: string;
  readonly samples: Start[];
}

/** Every runtime dependency that is loaded before the first request, and Express. */
const dependencies = ['express', 'oidc-provider', 'openid-client', 'jose', 'http-proxy-middleware'];

const importing = (...specifiers: readonly string[]) =>
  specifiers.map((specifier) => `await import(${JSON.stringify(specifier)});`).join('');

const construct = `const { mcpOAuth } = await import(${JSON.stringify(`${built}lib/index.js`)});
const { default: express } = await import('express');
const url = 'http://127.0.0.1:3000';
const auth = mcpOAuth({ issuer: url, browserLogin: { url: url + '/oauth/dev-login' } });
const app = express();
app.use(auth);
app.use(auth.proxy('/mcp', { target: 'http://127.0.0.1:1/mcp' }));`;

const resource = `const { mcpResource } = await import(${JSON.stringify(`${built}lib/resource.js`)});
const options = { issuer: 'http://127.0.0.1:3000', origin: 'http://127.0.0.1:3001' };
mcpResource(options).authenticate('/mcp');`;

const report = `const { user, system } = process.cpuUsage();
const wallMs = performance.now() - begun;
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, rssMiB: process.memoryUsage.rss() / 2 ** 20 }));
process.exit();`;

function startOnce(code: string): Start {
  const args = ['--input-type=module', '--eval', `const begun = performance.now();\n${code}\n${report}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

function build(): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/build.ts', '--out', built], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stdout + stderr);
  // As in the package: else Node looks at each module's text to see what it is.
  writeFileSync(`${built}package.json`, JSON.stringify({ type: 'module' }));
}

function median({ samples }: Subject, member: keyof Start): number {
  const values = samples.map((sample) => sample[member]);
  return quantile(values, 0.5);
}

/** What a process pays before its first request. */
export async function start(): Promise<CountTable> {
  build();
  const subjects: Subject[] = [
    { name: 'an empty process', code: '' },
    { name: 'import express', code: importing('express') },
    { name: 'import of the runtime dependencies', code: importing(...dependencies) },
    { name: 'ours: import, construct, mount a proxied route', code: construct },
    { name: '`express-mcp-auth/resource`: import, construct', code: resource },
  ].map((subject) => ({ ...subject, samples: [] }));
  for (let round = 0; round < rounds; round += 1)
    for (const { code, samples } of shuffled(subjects)) samples.push(startOnce(code));

  const [, express, alone] = subjects as [Subject, Subject, Subject];
  const against = (subject: Subject, reference: Subject) =>
    (median(subject, 'cpuMs') / median(reference, 'cpuMs')).toFixed(2);
  return {
    title: 'Start',
    notes: [
      `Medians of ${rounds} processes each, in random order; CPU of the whole process. Ours is built as the package is.`,
      'The runtime dependencies: Express, oidc-provider, openid-client, jose, http-proxy-middleware; undici is loaded with the first proxied request.',
      'Targets: ours at most 1.10 times the dependencies, `express-mcp-auth/resource` at most 1.2 times Express.',
    ],
    heads: ['', 'CPU ms', 'import ms', 'RSS MiB', 'CPU against the dependencies', 'CPU against Express'],
    rows: subjects.map((subject) => [
      subject.name,
      median(subject, 'cpuMs').toFixed(0),
      median(subject, 'wallMs').toFixed(0),
      median(subject, 'rssMiB').toFixed(0),
      against(subject, alone),
      against(subject, express),
    ]),
  };
}
