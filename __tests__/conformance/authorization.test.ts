import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser, type Page } from '../helpers/browser.ts';
import { type ConformanceResult, runConformance } from '../helpers/conformance.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { registerPublicClient, signIn } from './sign-in.ts';

/** Several times what one run with its sign-in takes on an idle machine. */
const RUN_TIMEOUT_MS = 60_000;

/** The suite takes the port of its callback as an option and cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs the suite and does what it asks of a person: open the URL it prints and sign in. */
async function runAuthorization(
  issuer: string,
  args: readonly string[],
): Promise<{ result: ConformanceResult; authorizationUrl: string | undefined; lastPage: Page | undefined }> {
  const port = await freePort();
  const clientId = await registerPublicClient(issuer, `http://127.0.0.1:${port}/callback`);
  let authorizationUrl: string | undefined;
  let signedIn: Promise<Page | Error> | undefined;
  const result = await runConformance({
    command: 'authorization',
    args: ['--url', issuer, '--client-id', clientId, '--port', String(port), ...args],
    timeoutMs: RUN_TIMEOUT_MS,
    onOutputLine(line) {
      // The URL is printed first, while the callback does not listen yet.
      if (line.startsWith(`${issuer}/oauth/authorize?`)) authorizationUrl = line;
      if (line.startsWith('Callback server started') && authorizationUrl !== undefined) {
        // A rejection must not go unhandled while the suite still waits for its callback.
        signedIn = signIn(createBrowser(), authorizationUrl).catch((error: Error) => error);
      }
    },
  });
  const lastPage = await signedIn;
  if (lastPage instanceof Error) throw lastPage;
  return { result, authorizationUrl, lastPage };
}

describe('the authorization server under the official suite', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({
      routes(app, auth) {
        app.use(auth.authenticate('/other'));
        app.use(auth.authenticate('/mcp', { default: true }));
      },
    });
  });
  afterAll(() => gateway.close());

  it.each([
    { revision: '2025-11-25', request: 'names the resource', hasResource: true },
    { revision: '2025-11-25', request: 'names no resource', hasResource: false },
    { revision: '2026-07-28', request: 'names the resource', hasResource: true },
    { revision: '2026-07-28', request: 'names no resource', hasResource: false },
  ])(
    'passes every check of $revision where the request $request',
    async ({ revision, hasResource }) => {
      const { result, authorizationUrl, lastPage } = await runAuthorization(gateway.url, [
        '--spec-version',
        revision,
        ...(hasResource ? ['--resource', `${gateway.url}/mcp`] : []),
      ]);

      expect(URL.parse(authorizationUrl ?? '')?.searchParams.has('resource')).toBe(hasResource);
      expect(lastPage?.text).toBe('OK. You can close this page.');
      expect(result.checks).toEqual(
        [
          ['authorization-code-grant', 'authorization-code-grant'],
          ['authorization-server-metadata-endpoint', 'authorization-server-metadata'],
          ['authorization-server-metadata-endpoint', 'authorization-server-metadata-cimd'],
        ].map(([scenario, id]) => ({ scenario, id, status: 'SUCCESS', isScored: true })),
      );
      expect(result.exitCode).toBe(0);
    },
    2 * RUN_TIMEOUT_MS,
  );
});
