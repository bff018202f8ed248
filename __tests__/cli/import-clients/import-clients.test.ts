import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '../../../lib/cli/run.ts';
import { sqliteStorage } from '../../../lib/index.ts';
import { createBrowser } from '../../helpers/browser.ts';
import { type Gateway, startGateway } from '../../helpers/gateway.ts';
import { createSdkV1McpHandler, type McpTestHandler } from '../../helpers/mcp-servers.ts';
import { postForm } from '../../helpers/oauth-client.ts';
import { type ClientMemory, connectV1, connectV2 } from '../../helpers/sdk-clients.ts';
import { moduleUrl, openWorkplace, type Workplace } from '../workplace.ts';
import { type SdkServer, startSdkServer } from './sdk-server.ts';

const redirectUri = 'http://127.0.0.1:1/callback';
const secret = 'kZ8vQ2mX4tR7wB1nJ6yH3cL9sF5dG0aPeUiT';
const gatewaySecret = 'p0Lq3Wn8Zs5Vt2Yx7Ru4Ki9Jm6Hg1Fd0Sa';

let workplace: Workplace;
let handler: McpTestHandler;
beforeAll(async () => {
  workplace = await openWorkplace();
  handler = createSdkV1McpHandler('stateful');
});
afterAll(async () => {
  await handler.close();
  await workplace.remove();
});

let configs = 0;

/** Another config file of this issuer each time: what a command has closed stays closed in this process. */
async function configOf(issuer: string, name: string): Promise<string> {
  configs += 1;
  return workplace.config(
    `${name}.${configs}.config.ts`,
    `import { sqliteStorage } from ${moduleUrl('lib/index.ts')};
export default { issuer: '${issuer}', browserLogin: { url: '${issuer}/oauth/dev-login' }, secret: '${gatewaySecret}',
  clients: [{ client_id: 'static-client', redirect_uris: ['https://static.example/callback'] }],
  storage: sqliteStorage(${JSON.stringify(join(workplace.folder, `${name}.sqlite`))}) };`,
  );
}

async function importRows(rows: unknown, config: string, ...more: string[]) {
  const file = join(workplace.folder, 'clients.json');
  await writeFile(file, JSON.stringify(rows));
  const lines: string[] = [];
  const errors: string[] = [];
  const output = { out: (line: string) => lines.push(line), error: (line: string) => errors.push(line) };
  const exitCode = await run(['import', 'clients', file, '--config', config, ...more], output);
  return { exitCode, lines, errors };
}

describe('a server that moves from mcpAuthRouter and requireBearerAuth of MCP SDK v1', () => {
  let before: SdkServer;
  let after: Gateway;
  const memories: Record<string, ClientMemory> = {};
  beforeAll(async () => {
    before = await startSdkServer(handler);
    const url = `${before.url}/mcp`;
    memories.registered = {};
    const connection = await connectV1({ url, memory: memories.registered });
    await connection.close();
    for (const [name, method] of [
      ['posting', 'client_secret_post'],
      ['unnamed', undefined],
    ] as const) {
      const client = {
        client_id: `client-${name}`,
        client_secret: `${secret}-${name}`,
        redirect_uris: [redirectUri],
        ...(method && { token_endpoint_auth_method: method }),
      };
      before.clients.set(client.client_id, client);
      memories[name] = { clientInformation: client };
    }
    await before.close();
    const file = join(workplace.folder, 'before.json');
    await writeFile(file, JSON.stringify([...before.clients.values()]));
    const config = await configOf(before.url, 'moved');
    const outcome = await workplace.command('import', 'clients', file, '--config', config);
    expect(outcome).toEqual({
      exitCode: 0,
      stdout: '3 clients imported, 0 known already, 0 refused.\n',
      stderr: '',
    });
    after = await startGateway({
      port: before.port,
      options: () => ({
        storage: sqliteStorage(join(workplace.folder, 'moved.sqlite')),
        secret: gatewaySecret,
        gateway: { endpointAliases: true },
      }),
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (req, res) => handler(req, res)),
    });
  }, 120_000);
  afterAll(() => after?.close());

  it('answers a refresh token of the old server with invalid_grant: the client signs in anew', async () => {
    const { refresh_token: refreshToken = '' } = memories.registered?.tokens ?? {};
    const client_id = String(memories.registered?.clientInformation?.client_id);
    const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id };
    const { status, json } = await postForm(`${after.url}/token`, parameters);
    expect([status, json?.error]).toEqual([400, 'invalid_grant']);
    delete memories.registered?.tokens; // As clients do then.
  });

  it.each(['registered', 'posting', 'unnamed'])(
    'goes on serving a client that was registered before: %s',
    async (name) => {
      const memory = memories[name] ?? {};
      const id = memory.clientInformation?.client_id;
      const connection = await connectV1({ url: `${after.url}/mcp`, memory });
      expect(await connection.listTools()).toContain('whoami');
      expect(connection.requests.filter(({ url }) => /\/register$/.test(url))).toEqual([]);
      expect(memory.clientInformation?.client_id).toBe(id);
      await connection.close();
      expect(after.events.filter(({ type }) => type === 'client.registered')).toEqual([]);
    },
  );

  it('serves the client of SDK v2, too, and one that reads no metadata (MCP 2025-03-26)', async () => {
    const memory: ClientMemory = {
      clientInformation: {
        ...memories.registered?.clientInformation,
        client_id: String(memories.registered?.clientInformation?.client_id),
      },
    };
    const connection = await connectV2({ url: `${after.url}/mcp`, memory });
    expect(await connection.listTools()).toContain('whoami');
    await connection.close();
    const parameters = new URLSearchParams({
      client_id: String(memory.clientInformation?.client_id),
      redirect_uri: redirectUri,
      response_type: 'code',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const page = await createBrowser().get(`${after.url}/authorize?${parameters}`);
    expect([page.status, page.forms.length]).toEqual([200, 1]);
  });

  it('keeps no secret in plain text', async () => {
    const files = await Promise.all(
      ['moved.sqlite', 'moved.sqlite-wal'].map((name) =>
        readFile(join(workplace.folder, name), 'latin1').catch(() => ''),
      ),
    );
    expect(files.join('')).toContain('redirect_uris');
    expect(files.join('')).not.toContain(secret);
  });
});

describe('express-mcp-auth import clients', () => {
  const past = Math.floor(Date.now() / 1000) - 60;
  const rows = {
    good: {
      redirect_uris: ['https://app.example/callback'],
      token_endpoint_auth_method: 'none',
      client_uri: null,
      scope: 'unknown',
    },
    script: { redirect_uris: ['javascript:alert(1)'] },
    'static-client': { redirect_uris: ['https://elsewhere.example/callback'] },
    expired: { redirect_uris: ['https://app.example/callback'], client_secret: secret, client_secret_expires_at: past },
    hashed: { redirect_uris: ['https://app.example/callback'], token_endpoint_auth_method: 'client_secret_post' },
    keyless: { redirect_uris: ['https://app.example/callback'], token_endpoint_auth_method: 'private_key_jwt' },
    'https://app.example/client.json': { redirect_uris: ['https://app.example/callback'] },
    '': {},
  };

  it('takes what registration would take, refuses the rest one by one, and changes nothing that is here', async () => {
    const config = await configOf('http://127.0.0.1:3000', 'rows');
    const first = await importRows(rows, config);
    expect(first.exitCode).toBe(1);
    expect(first.lines).toEqual([
      'left as it is static-client: it is known here already',
      '1 clients imported, 1 known already, 6 refused.',
    ]);
    expect(first.errors).toEqual([
      'refused script: redirect_uris[0] is not allowed: scheme_refused',
      'refused expired: its client_secret has expired',
      'refused hashed: it authenticates by client_secret_post and has no client_secret in plain text',
      expect.stringMatching(/^refused keyless: jwks/),
      expect.stringMatching(/^refused https:\/\/app\.example\/client\.json: its client_id is no printable ASCII text/),
      'refused row 8: it has no client_id',
    ]);
    for (const line of [...first.lines, ...first.errors]) expect(line).not.toContain(secret);

    const same = await configOf('http://127.0.0.1:3000', 'rows');
    const again = await importRows({ clients: [{ ...rows.good, client_id: 'good' }] }, same, '--json');
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.lines.join('\n'))).toEqual({ imported: [], present: ['good'], refused: [] });
  });

  it('keeps of a client what registration keeps, and lets it live as long as one that is used', async () => {
    const config = await configOf('http://127.0.0.1:3000', 'kept');
    await importRows(
      [
        {
          client_id: 'kept',
          ...rows.good,
          grant_types: ['authorization_code', 'client_credentials'],
          client_id_issued_at: 1_700_000_000,
        },
      ],
      config,
    );
    const { default: options } = await import(await configOf('http://127.0.0.1:3000', 'kept'));
    const gateway = await startGateway({ options: () => options });
    const provider = await gateway.auth.provider();
    const client = await provider.Client.find('kept');
    expect(client?.metadata()).toMatchObject({
      client_id: 'kept',
      client_id_issued_at: 1_700_000_000,
      grant_types: ['authorization_code'],
      application_type: 'web',
    });
    expect(client?.metadata().scope).toBeUndefined();
    await gateway.close();
    await options.storage.close();
  });

  it('is told how clients authenticate that have a secret and name no method', async () => {
    const config = () => configOf('http://127.0.0.1:3000', 'method');
    const row = { client_id: 'a', client_secret: secret, redirect_uris: ['https://app.example/callback'] };
    await importRows([row], await config(), '--auth-method', 'client_secret_post');
    await importRows([{ ...row, client_id: 'b' }], await config());
    const { default: options } = await import(await config());
    const gateway = await startGateway({ options: () => options });
    const provider = await gateway.auth.provider();
    const found = await Promise.all(['a', 'b'].map((id) => provider.Client.find(id)));
    expect(found.map((client) => client?.tokenEndpointAuthMethod)).toEqual([
      'client_secret_post',
      'client_secret_basic',
    ]);
    await gateway.close();
    await options.storage.close();
  });

  it('ends with 2 where it is not understood, and with 1 where the file holds no clients', async () => {
    const config = await configOf('http://127.0.0.1:3000', 'refused');
    expect(await importRows([], config, '--auth-method', 'none')).toMatchObject({ exitCode: 2 });
    expect(await importRows('clients', config)).toMatchObject({
      exitCode: 1,
      errors: ['TypeError: the clients file holds neither an array nor an object'],
    });
    expect(await importRows([], join(workplace.folder, 'missing.config.ts'))).toMatchObject({ exitCode: 1 });
  });
});
