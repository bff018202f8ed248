/** The HTTP side of a replayed client: discovery, requests with CORS where it lives in a page, tool calls. */
import { type Answer, type Sent, send } from '../helpers/oauth-client.ts';

/** @throws Error `<step>: <problem>` */
export function expectThat(condition: boolean, step: string, problem: string): asserts condition {
  if (!condition) throw new Error(`${step}: ${problem}`);
}

export function readJson({ json, text }: Answer, step: string): Record<string, unknown> {
  expectThat(json !== undefined, step, `the answer is not JSON: ${text.slice(0, 200)}`);
  return json;
}

export const readForm = (parameters: Readonly<Record<string, string>>) => new URLSearchParams(parameters).toString();

interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported: readonly string[];
}

interface ServerMetadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint: string;
  readonly scopes_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly code_challenge_methods_supported: readonly string[];
  readonly client_id_metadata_document_supported: boolean;
  readonly authorization_response_iss_parameter_supported: boolean;
}

export interface Client {
  /** The 401, and both metadata documents. */
  discover(mcpUrl: string): Promise<{ resource: ResourceMetadata; server: ServerMetadata }>;
  /** `scope` of the 401 (MCP 2025-11-25, Scope Selection Strategy). */
  challengeScope(): string;
  postJson(step: string, url: string, body: unknown): Promise<Answer>;
  postForm(
    step: string,
    url: string,
    parameters: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** A session of its own: `initialize`, `notifications/initialized`, `tools/call`. @returns the text of the answer */
  callTool(mcpUrl: string, token: string, name: string): Promise<string>;
}

const listOf = (text: string | null) => (text ?? '').toLowerCase().split(/\s*,\s*/);

/** The last message of a JSON or event stream answer. */
function messageOf({ text, headers }: Answer): { result?: { content?: { text: string }[] } } {
  if (!headers.get('content-type')?.startsWith('text/event-stream')) return JSON.parse(text);
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return JSON.parse((lines.at(-1) ?? 'data: {}').slice('data: '.length));
}

/** @param origin of the page that the client runs in; undefined for a program or server */
export function createClient(origin: string | undefined, protocolVersion: string): Client {
  let scope = '';

  /** What a browser asks before a request that is not simple (Fetch, CORS-preflight fetch). */
  async function preflight(step: string, url: string, method: string, headers: readonly string[]): Promise<void> {
    if (origin === undefined) return;
    const asked = {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': headers.join(','),
    };
    const answer = await send(url, { method: 'OPTIONS', headers: asked });
    const allowed = listOf(answer.headers.get('access-control-allow-headers'));
    expectThat(answer.status >= 200 && answer.status < 300, step, `the preflight answered ${answer.status}`);
    expectThat(isOpenTo(answer), step, 'the preflight does not allow the origin');
    const missing = headers.filter((name) => !allowed.includes(name));
    expectThat(missing.length === 0, step, `the preflight does not allow ${missing.join(', ')}`);
  }

  const isOpenTo = ({ headers }: Answer) => ['*', origin].includes(headers.get('access-control-allow-origin') ?? '-');

  async function request(step: string, url: string, { headers = {}, ...sent }: Sent = {}): Promise<Answer> {
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const method = sent.body === undefined ? 'GET' : 'POST';
    // `accept` and a form's content type need no permission.
    const special = names.filter((name) => name !== 'accept' && !(name === 'content-type' && isForm(headers)));
    if (special.length > 0) await preflight(step, url, method, special);
    const answer = await send(url, { ...sent, headers: { ...(headers as object), ...(origin && { origin }) } });
    expectThat(origin === undefined || isOpenTo(answer), step, 'the page may not read the answer');
    return answer;
  }

  const isForm = (headers: object) => Object.values(headers).includes('application/x-www-form-urlencoded');

  return {
    async discover(mcpUrl) {
      const step = 'discovery';
      const refused = await request(step, mcpUrl, {
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'ping' }),
      });
      const challenge = refused.headers.get('www-authenticate') ?? '';
      expectThat(refused.status === 401, step, `the MCP endpoint answered ${refused.status}`);
      if (origin !== undefined) {
        const exposed = listOf(refused.headers.get('access-control-expose-headers'));
        expectThat(exposed.includes('www-authenticate'), step, 'the page may not read the challenge');
      }
      const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
      expectThat(metadataUrl !== undefined, step, `the challenge names no metadata: ${challenge}`);
      expectThat(new URL(metadataUrl).origin === new URL(mcpUrl).origin, step, 'the metadata is at another origin'); // Zed.
      scope = /scope="([^"]+)"/.exec(challenge)?.[1] ?? '';
      const resource = readJson(await request(step, metadataUrl), step) as unknown as ResourceMetadata;
      expectThat(resource.resource === mcpUrl, step, `the resource calls itself ${resource.resource}`); // Claude, VS Code.
      const issuer = resource.authorization_servers[0] ?? '';
      const serverUrl = `${issuer}/.well-known/oauth-authorization-server`;
      const server = readJson(await request(step, serverUrl), step) as unknown as ServerMetadata;
      expectThat(server.issuer === issuer, step, `the server calls itself ${server.issuer}`); // RFC 8414 section 3.3.
      expectThat(server.code_challenge_methods_supported.includes('S256'), step, 'S256 is not listed'); // Zed.
      const { token_endpoint_auth_methods_supported: methods } = server;
      // Claude, Codex and opencode send their document only where both are said.
      expectThat(methods.includes('none'), step, 'none is not listed');
      expectThat(server.client_id_metadata_document_supported === true, step, 'metadata documents are not advertised');
      // ChatGPT's stable redirect URI hangs on it.
      expectThat(server.authorization_response_iss_parameter_supported === true, step, 'iss is not advertised');
      return { resource, server };
    },

    challengeScope: () => scope,

    postJson: (step, url, body) =>
      request(step, url, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),

    postForm: (step, url, parameters, headers = {}) =>
      request(step, url, {
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', ...headers },
        body: readForm(parameters),
      }),

    async callTool(mcpUrl, token, name) {
      const step = 'tool call';
      let session: Record<string, string> = {};
      const post = async (message: object, expected: number) => {
        const answer = await request(step, mcpUrl, {
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            ...session,
          },
          body: JSON.stringify({ jsonrpc: '2.0', ...message }),
        });
        expectThat(answer.status === expected, step, `status ${answer.status}: ${answer.text}`);
        return answer;
      };
      const clientInfo = { name: 'replayed client', version: '1.0.0' };
      const initialized = await post(
        { id: 1, method: 'initialize', params: { protocolVersion, capabilities: {}, clientInfo } },
        200,
      );
      session = {
        'mcp-session-id': initialized.headers.get('mcp-session-id') ?? '',
        'mcp-protocol-version': protocolVersion,
      };
      await post({ method: 'notifications/initialized' }, 202);
      const answer = await post({ id: 2, method: 'tools/call', params: { name, arguments: {} } }, 200);
      const content = messageOf(answer).result?.content;
      expectThat(content !== undefined, step, `no result: ${answer.text}`);
      return content.map(({ text }) => text).join('');
    },
  };
}
