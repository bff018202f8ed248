import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import type { Report } from './silent-console-worker.ts';

/** Plain Node, as users run it: jest has a console and a `process` of its own. */
async function runWorker(): Promise<{ code: number | null; printed: string; report: Report }> {
  const directory = await mkdtemp(join(tmpdir(), 'silent-console-'));
  try {
    const worker = fileURLToPath(new URL('silent-console-worker.ts', import.meta.url));
    const child = fork(worker, [directory], { silent: true, execArgv: [], env: {} });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => (printed += text));
    let report: Report = {};
    child.once('message', (message: Report) => {
      report = message;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, printed, report };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const whileFailing = (name: string, status: number) =>
  Object.fromEntries(
    [
      'register',
      'authorize',
      'approval',
      'approval, sent',
      'dev login',
      'dev login, sent',
      'token',
      'revoke',
      'introspect',
    ].map((step) => [`${name}: ${step}`, status]),
  );

it('prints nothing, whatever is asked of it and whatever fails, where nobody gave a logger', async () => {
  const { code, printed, report } = await runWorker();

  expect(printed).toBe('');
  expect(code).toBe(0);
  expect(report).toEqual({
    metadata: 200,
    'openid metadata': 200,
    'resource metadata': 200,
    'metadata, another host': 421,
    jwks: 200,
    'token, preflight': 204,
    'token, GET': 405,
    'register, no JSON': 400,
    'register, form': 400,
    'register, bad redirect': 400,
    'register, too large': 413,
    'authorize, unknown client': 400,
    'authorize, other redirect': 400,
    'authorize, no PKCE': 'invalid_request',
    'authorize, token': 'unsupported_response_type',
    'authorize, no resource': 'invalid_target',
    'authorize, prompt none': 'login_required',
    'authorize, document of nobody': 400,
    'authorize, POST': 405,
    'approval, denied': 'access_denied',
    'approval, sent again': 400,
    'approval, of nobody': 400,
    'dev login, of nobody': 400,
    'token, wrong verifier': 400,
    token: 200,
    'token, unknown grant': 400,
    'token, no client': 400,
    refresh: 200,
    'refresh, unknown': 400,
    introspect: 200,
    'introspect, no token': 400,
    call: 200,
    'call, no token': 401,
    'call, bad token': 401,
    'call, token in the query': 400,
    'call, foreign page': 403,
    'proxied call': 200,
    'proxied call, other token': 401,
    'proxied call, upstream gone': 502,
    revoke: 200,
    'revoke, no token': 400,
    'call, revoked token': 401,
    ...whileFailing('outage', 503),
    'outage: call': 503,
    ...whileFailing('defect', 500),
    'identity provider: token': 200,
    'identity provider: callback, provider broken': 'temporarily_unavailable',
    'identity provider: callback, of nobody': 400,
  });
});
