/** A gateway with an MCP server that records what a client sends, in the form of a fixture. */
import type { IncomingMessage } from 'node:http';
import { memoryStorage } from '../../lib/index.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createSdkV1McpHandler } from '../helpers/mcp-servers.ts';
import type { Fixture, Parameters } from './fixture.ts';

/** The members of a fixture that a client's requests fill. */
export interface Recorded {
  registration?: Readonly<Record<string, unknown>>;
  authorize?: Parameters;
  token?: Parameters;
  refresh?: Parameters;
}

export interface RecordingServer {
  readonly url: string;
  readonly recorded: Recorded;
  /** Ends every access token, as time would. Refresh tokens go on. */
  expireAccessTokens(): Promise<void>;
  close(): Promise<void>;
}

/** The body as it arrives, without taking it from who reads it. */
function onBody(request: IncomingMessage, take: (body: string) => void): void {
  const chunks: Buffer[] = [];
  const { push } = request;
  request.push = (chunk, ...rest) => {
    if (chunk === null) take(Buffer.concat(chunks).toString());
    else chunks.push(Buffer.from(chunk));
    return push.call(request, chunk, ...rest);
  };
}

/** Values that differ from run to run, as a fixture spells them. */
const varying: Readonly<Record<string, string>> = {
  client_id: '{client_id}',
  client_secret: '{client_secret}',
  redirect_uri: '{redirect_uri}',
  state: '{state}',
  code: '{code}',
  code_challenge: '{code_challenge}',
  code_verifier: '{code_verifier}',
  refresh_token: '{refresh_token}',
};

/** A loopback port is another one in each run. */
export const withoutPorts = (text: string) => text.replace(/(localhost|127\.0\.0\.1):\d+/g, '$1:0');

export async function startRecordingServer(): Promise<RecordingServer> {
  const recorded: Recorded = {};
  const accessTokens = new Set<string>();
  const storage = memoryStorage();
  const { put } = storage;
  storage.put = (kind, id, ...rest) => {
    if (kind === 'AccessToken') accessTokens.add(id);
    return put(kind, id, ...rest);
  };
  const handler = createSdkV1McpHandler('stateful');

  const gateway = await startGateway({
    options: () => ({ storage, gateway: { tokenCacheSeconds: 0 } }),
    beforeAuth(app) {
      app.use((request, _response, next) => {
        const { pathname, searchParams } = new URL(request.url, 'http://gateway');
        if (pathname === '/oauth/authorize') recorded.authorize = inFixtureForm(searchParams);
        if (pathname === '/oauth/register')
          onBody(request, (body) => {
            recorded.registration = JSON.parse(withoutPorts(body).replace(/\bmcp:tools\b/, '{scope}'));
          });
        if (pathname === '/oauth/token')
          onBody(request, (body) => {
            const parameters = new URLSearchParams(body);
            const isRefresh = parameters.get('grant_type') === 'refresh_token';
            recorded[isRefresh ? 'refresh' : 'token'] = inFixtureForm(parameters);
          });
        next();
      });
    },
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), handler),
  });
  const url = `${gateway.url}/mcp`;

  function inFixtureForm(parameters: URLSearchParams): Parameters {
    const entries = [...parameters].map(([name, value]) => [
      name,
      varying[name] ?? value.replace(/\bmcp:tools\b/, '{scope}').replace(url, '{resource}'),
    ]);
    return Object.fromEntries(entries);
  }

  return {
    url,
    recorded,
    async expireAccessTokens() {
      for (const id of accessTokens) await storage.delete('AccessToken', id);
      accessTokens.clear();
    },
    async close() {
      await handler.close();
      await gateway.close();
    },
  };
}

/** The same members of a fixture, to compare with what was recorded. */
export function recordedForm({ identity, authorize, token, refresh }: Fixture): Recorded {
  return {
    ...(identity.kind === 'registration' && {
      registration: JSON.parse(withoutPorts(JSON.stringify(identity.request))),
    }),
    authorize,
    token,
    refresh,
  };
}
