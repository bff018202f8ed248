import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import type { AuthenticateOptions } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { startMcpServer } from '../helpers/mcp-servers.ts';
import { createOAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

const rules: AuthenticateOptions = {
  scopes: ['mcp:tools'],
  operationScopes: {
    'tools/call': { 'delete_*': ['files:write'], '*_all': ['files:bulk'], read: ['files:read'] },
    'prompts/get': { secret: ['prompts:secret'] },
    'resources/read': { 'file:///etc/*': ['files:etc'] },
    'completion/complete': ['completions'],
  },
  implies: { 'files:write': ['files:read'], 'files:admin': ['files:write', 'files:bulk'] },
};

const call = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } });

interface Setting {
  readonly name: string;
  readonly isProxy?: boolean;
  readonly isParsed?: boolean;
}

const settings: Setting[] = [
  { name: 'authenticate' },
  { name: 'authenticate behind express.json()', isParsed: true },
  { name: 'proxy', isProxy: true },
  { name: 'proxy behind express.json()', isProxy: true, isParsed: true },
];

describe.each(settings)('scopes of single operations, $name', ({ isProxy, isParsed }) => {
  let gateway: ObservedGateway;
  let close: () => Promise<void>;
  /** Bodies as the handler or upstream read them. */
  const arrived: string[] = [];
  const tokens = new Map<string, string>();

  async function tokenFor(scope: string): Promise<string> {
    const known = tokens.get(scope);
    if (known !== undefined) return known;
    const client = await createOAuthClient(gateway.url);
    const answer = await client.redeem(await client.login(createBrowser(), { scope }));
    expect(answer.json?.scope).toBe(scope);
    tokens.set(scope, String(answer.json?.access_token));
    return tokenFor(scope);
  }

  async function post(scope: string, body: unknown, headers: Record<string, string> = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return send(`${gateway.url}/mcp`, {
      headers: { authorization: `Bearer ${await tokenFor(scope)}`, 'content-type': 'application/json', ...headers },
      body: text,
    });
  }

  beforeAll(async () => {
    const record = (req: import('node:http').IncomingMessage, res: import('node:http').ServerResponse) => {
      const { body } = req as { body?: unknown };
      const chunks: Buffer[] = [];
      if (body !== undefined) arrived.push(JSON.stringify(body));
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        if (body === undefined) arrived.push(Buffer.concat(chunks).toString());
        res.end('{}');
      });
      if (body !== undefined) res.end('{}');
    };
    const upstream = await startMcpServer(record);
    gateway = await startObservedGateway({
      beforeAuth: (app) => void (isParsed && app.use(express.json({ limit: '8mb' }))),
      routes: (app, auth) => {
        if (isProxy) app.use(auth.proxy('/mcp', { ...rules, target: upstream.url }));
        else app.all('/mcp', auth.authenticate('/mcp', rules), record);
      },
    });
    close = async () => {
      await gateway.close();
      await upstream.close();
    };
  });
  afterAll(() => close());

  const all = 'mcp:tools files:admin prompts:secret files:etc completions';
  const cases: [string, unknown, string, string][] = [
    ['a tool by glob', call('delete_file'), 'mcp:tools', 'mcp:tools files:write'],
    ['a tool that two globs name', call('delete_all'), 'mcp:tools', 'mcp:tools files:write files:bulk'],
    [
      'a prompt',
      { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'secret' } },
      'mcp:tools',
      'mcp:tools prompts:secret',
    ],
    [
      'a resource by URI',
      { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'file:///etc/passwd' } },
      'mcp:tools',
      'mcp:tools files:etc',
    ],
    [
      'a method',
      { jsonrpc: '2.0', id: 1, method: 'completion/complete', params: {} },
      'mcp:tools',
      'mcp:tools completions',
    ],
    [
      'a batch, all its operations at once',
      [call('read'), call('delete_x', 2)],
      'mcp:tools',
      'mcp:tools files:read files:write',
    ],
    ['a batch hidden behind a harmless start', [call('echo'), call('read', 2)], 'mcp:tools', 'mcp:tools files:read'],
  ];
  it.each(cases)(
    '%s needs its scopes, told at once (MCP 2026-07-28, Scope Challenge Handling)',
    async (_what, body, scope, needed) => {
      const before = arrived.length;
      const answer = await post(scope, body);
      expect(answer).toMatchObject({ status: 403, json: { error: 'insufficient_scope' } });
      expect(answer.headers.get('www-authenticate')).toContain(`scope="${needed}"`);
      expect(arrived).toHaveLength(before);
      expect((await post(all, body)).status).toBe(200);
    },
  );

  it('leaves other tools to the scopes of the route, and their bodies as they were', async () => {
    const before = arrived.length;
    const body = call('echo');
    expect((await post('mcp:tools', body)).status).toBe(200);
    expect((await post('mcp:tools', { ...body, params: { name: 'undelete_x' } })).status).toBe(200);
    expect(arrived.slice(before).map((text) => JSON.parse(text))).toEqual([
      body,
      { ...body, params: { name: 'undelete_x' } },
    ]);
  });

  it('honours the hierarchy: a broad scope opens what it includes (MCP 2026-07-28, Step-Up)', async () => {
    expect((await post('mcp:tools files:write', call('read'))).status).toBe(200);
    expect((await post('mcp:tools files:admin', call('delete_all'))).status).toBe(200);
    expect((await post('mcp:tools files:read', call('delete_x'))).status).toBe(403);
  });

  const encoded = `=?base64?${Buffer.from('delete_file').toString('base64')}?=`;
  const revision = { 'mcp-protocol-version': '2026-07-28' };
  const lies: [string, unknown, Record<string, string>][] = [
    ['another tool', call('delete_file'), { ...revision, 'mcp-method': 'tools/call', 'mcp-name': 'echo' }],
    ['another method', call('delete_file'), { ...revision, 'mcp-method': 'tools/list' }],
    ['a name without a method', call('echo'), { ...revision, 'mcp-name': 'echo' }],
    ['another tool, encoded', call('echo'), { ...revision, 'mcp-method': 'tools/call', 'mcp-name': encoded }],
    ['a malformed encoding', call('echo'), { ...revision, 'mcp-method': 'tools/call', 'mcp-name': '=?base64?***?=' }],
    [
      'one of a batch',
      [call('echo'), call('delete_x', 2)],
      { ...revision, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
    ],
    ['the same without a revision', call('delete_file'), { 'mcp-method': 'tools/call', 'mcp-name': 'echo' }],
  ];
  it.each(lies)(
    'refuses headers that name %s with -32020 (MCP 2026-07-28, Server Validation)',
    async (_what, body, headers) => {
      const before = arrived.length;
      const answer = await post(all, body, headers);
      expect(answer).toMatchObject({ status: 400, json: { jsonrpc: '2.0', error: { code: -32020 } } });
      expect(arrived).toHaveLength(before);
    },
  );

  it('accepts headers that say what the body says, encoded too', async () => {
    const named = { ...revision, 'mcp-method': 'tools/call' };
    expect((await post(all, call('delete_file'), { ...named, 'mcp-name': 'delete_file' })).status).toBe(200);
    expect((await post(all, call('delete_file'), { ...named, 'mcp-name': encoded })).status).toBe(200);
    expect((await post('mcp:tools', call('delete_file'), { ...named, 'mcp-name': encoded })).status).toBe(403);
  });

  const undecidable: [string, string, number][] = [
    ['no JSON-RPC', '{"method":7}', 400],
    ['a call without a tool', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', 400],
    ['an empty batch', '[]', 400],
    ['a number in a batch', '[1]', 400],
    ['5 MB', JSON.stringify({ ...call('echo'), padding: 'x'.repeat(5_000_000) }), 413],
  ];
  it.each(undecidable.filter(([what]) => !(isParsed && what === '5 MB')))(
    'refuses a body that is %s',
    async (_what, body, status) => {
      const before = arrived.length;
      const answer = await post(all, body);
      expect(answer.status).toBe(status);
      expect(answer.json).toHaveProperty('error.code');
      expect(arrived).toHaveLength(before);
    },
  );

  const inUtf7 =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","x":"+ACI-,+ACI-name+ACI-:+ACI-delete_file"}}';
  const asForm =
    '{"jsonrpc":"2.0","id":1,"method":"ping","x":"&jsonrpc=2.0&id=1&method=tools/call&params[name]=delete_file&y="}';
  const disguised: [string, string, string][] = [
    ['another charset', 'application/json; charset=utf-7', inUtf7],
    ['two charsets', 'application/json; charset=utf-8; charset=utf-7', inUtf7],
    ['a charset behind a quoted one', 'application/json; x="; charset=utf-8"; charset=utf-7', inUtf7],
    ['a form', 'application/x-www-form-urlencoded; x=application/json', asForm],
    [
      'members that differ in case',
      'application/json',
      '{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"delete_file"}}',
    ],
  ];
  it.each(disguised)(
    'lets no body through that the next parser reads as another call: %s (CWE-436)',
    async (_what, type, body) => {
      const before = arrived.length;
      const answer = await post('mcp:tools', body, { 'content-type': type });
      expect([400, 403, 415]).toContain(answer.status);
      expect(arrived).toHaveLength(before);
    },
  );

  it('reads JSON that names its charset', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])
      expect((await post('mcp:tools', call('echo'), { 'content-type': type })).status).toBe(200);
  });

  it('asks for the token before it looks at a body', async () => {
    const answer = await send(`${gateway.url}/mcp`, {
      headers: { 'content-type': 'application/json' },
      body: '{"method":7}',
    });
    expect(answer.status).toBe(401);
  });

  it('lets responses and GET through with the scopes of the route', async () => {
    expect((await post('mcp:tools', { jsonrpc: '2.0', id: 1, result: {} })).status).toBe(200);
    const headers = { authorization: `Bearer ${await tokenFor('mcp:tools')}` };
    expect((await send(`${gateway.url}/mcp`, { method: 'GET', headers })).status).toBe(200);
  });
});
