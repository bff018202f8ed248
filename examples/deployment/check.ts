/** Starts the server as the image would, asks its probes, sends the signal, and looks at the manifests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { close, listen, require, step } from '../shared/story.ts';

interface Container {
  readonly env: readonly { readonly name: string }[];
  readonly readinessProbe: { readonly httpGet: { readonly path: string }; readonly timeoutSeconds: number };
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean; readonly allowPrivilegeEscalation: boolean };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector?: { readonly matchLabels?: object; readonly app?: string };
    readonly template?: {
      readonly metadata: { readonly labels: object };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
    };
  };
}

const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');
const server = await read('server.ts');

await step('the manifests are YAML, and agree with each other and with the server', async () => {
  const documents = parseAllDocuments(await read('kubernetes.yaml'));
  for (const document of documents) require(document.errors.length === 0, 'valid YAML');
  const manifests = documents.map((document) => document.toJS() as Manifest);
  const kinds = manifests.map(({ kind }) => kind);
  require(['Deployment', 'Service', 'PodDisruptionBudget', 'Ingress'].every((kind) =>
    kinds.includes(kind),
  ), 'four kinds');
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  const pod = deployment?.spec.template;
  const [container] = pod?.spec.containers ?? [];
  if (!pod || !container) throw new Error('there is no container');
  require(JSON.stringify(deployment.spec.selector?.matchLabels) === JSON.stringify(pod.metadata.labels), 'labels');
  require(server.includes(`'${container.readinessProbe.httpGet.path}'`), 'the readiness path is served');
  require(server.includes(`'${container.livenessProbe.httpGet.path}'`), 'the liveness path is served');
  require(container.readinessProbe.timeoutSeconds >= 2, 'longer than the second that health() takes at most');
  require(container.ports.some(({ name, containerPort }) => name === 'http' && containerPort === 3000), 'the port');
  require(pod.spec.terminationGracePeriodSeconds > 5 + 20 + 1, 'longer than the notice and the grace of the server');
  require(container.securityContext.readOnlyRootFilesystem &&
    !container.securityContext.allowPrivilegeEscalation, 'locked');
  const secrets = ['MCP_OAUTH_SECRET', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'];
  const given = [...container.env.map(({ name }) => name), ...secrets];
  for (const [, name = ''] of server.matchAll(/required\('(\w+)'\)/g))
    require(given.includes(name), `${name} is given`);
});

await step('the image runs Node itself, and not as root', async () => {
  const lines = (await read('Dockerfile')).split('\n');
  require(lines.includes('USER node'), 'a user');
  require(lines.some((line) =>
    line.startsWith('CMD ["node"'),
  ), 'no shell and no npm between the signal and the server');
});

const folder = await mkdtemp(join(tmpdir(), 'deployment-'));
const free = createServer();
const url = await listen(free);
await close(free);
const running = spawn(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('server.ts', import.meta.url))],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      PORT: new URL(url).port,
      ISSUER: url,
      OIDC_ISSUER: 'https://login.example',
      OIDC_CLIENT_ID: 'gateway',
      OIDC_CLIENT_SECRET: 'a secret of the example',
      MCP_OAUTH_SECRET: 'a secret of the example and long enough for it',
      DATABASE: join(folder, 'gateway.sqlite'),
      UPSTREAM: `${url}/nowhere`,
      NOTICE_MS: '500',
    },
  },
);
try {
  await once(running.stdout, 'data');
  const statusOf = async (path: string) => (await fetch(`${url}${path}`)).status;
  await step('it is ready without the identity provider, which only new logins need', async () => {
    require((await statusOf('/live')) === 200 && (await statusOf('/ready')) === 200, 'both probes');
  });
  await step('after the signal it is alive and not ready, and ends in good order', async () => {
    const exited = once(running, 'exit');
    running.kill('SIGTERM');
    let status = 200;
    while (status === 200) status = await statusOf('/ready');
    require(status === 503 && (await statusOf('/live')) === 200, 'alive and not ready');
    require((await exited)[0] === 0, 'exit code 0');
  });
} finally {
  running.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
console.log('\nEvery step held.');
