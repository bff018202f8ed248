/** A client as it registers: what its redirect URIs look like, and how it authenticates. */
export interface NamedClient {
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly method: 'none' | 'client_secret_post' | 'client_secret_basic';
}

/** Registration requests of the clients of docs/clients.md that differ in what a server may refuse. */
export const namedClients: readonly NamedClient[] = [
  { name: 'Claude Code', redirectUris: ['http://localhost:3118/callback'], method: 'none' },
  {
    name: 'Claude',
    redirectUris: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
    method: 'client_secret_post',
  },
  {
    name: 'ChatGPT',
    redirectUris: [
      'https://chatgpt.com/connector/oauth/doctor',
      'https://chatgpt.com/connector_platform_oauth_redirect',
    ],
    method: 'none',
  },
  {
    name: 'Cursor',
    redirectUris: [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ],
    method: 'none',
  },
  {
    name: 'VS Code',
    redirectUris: [
      'https://insiders.vscode.dev/redirect',
      'https://vscode.dev/redirect',
      'http://127.0.0.1/',
      'http://127.0.0.1:33418/',
    ],
    method: 'none',
  },
  { name: 'Codex', redirectUris: ['http://127.0.0.1:37819/callback/doctor'], method: 'none' },
  { name: 'Gemini CLI', redirectUris: ['http://localhost:7777/oauth/callback'], method: 'none' },
  {
    name: 'Copilot Studio',
    redirectUris: ['https://global.consent.azure-apim.net/redirect/doctor'],
    method: 'client_secret_post',
  },
  {
    name: 'LibreChat',
    redirectUris: ['https://chat.example.com/api/mcp/tools/oauth/callback'],
    method: 'client_secret_basic',
  },
];

/** Metadata documents that real clients identify by, each with a redirect URI that it lists. */
export const namedDocuments: readonly { readonly url: string; readonly redirectUri: string }[] = [
  {
    url: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
    redirectUri: 'https://claude.ai/api/mcp/auth_callback',
  },
  { url: 'https://claude.ai/oauth/claude-code-client-metadata', redirectUri: 'http://localhost:3118/callback' },
  { url: 'https://vscode.dev/oauth/client-metadata.json', redirectUri: 'http://127.0.0.1:33418/' },
];

/** `User-Agent` values of hosted and local clients, and of the libraries under them. */
export const userAgents: readonly string[] = ['Claude-User', 'python-httpx/0.28.1', 'node', 'Go-http-client/2.0'];
