import type { Express, RequestHandler } from 'express';
import { type McpOAuth, type McpOAuthOptions, type UserOAuthOptions, userOAuth } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, createOAuthClient, send } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, type OAuthUpstreamOptions, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { bearer } from '../helpers/protected-server.ts';

export interface FilesGateway {
  readonly gateway: Gateway;
  readonly upstream: OAuthUpstream;
  readonly url: string;
  close(): Promise<void>;
}

export interface FilesGatewaySettings {
  readonly upstream?: OAuthUpstreamOptions;
  readonly credential?: Partial<UserOAuthOptions> | ((upstream: OAuthUpstream) => Partial<UserOAuthOptions>);
  readonly options?: (issuer: string) => Partial<McpOAuthOptions>;
  /** Middleware of the app before the route. */
  readonly before?: RequestHandler;
  /** Further routes. */
  readonly routes?: (app: Express, auth: McpOAuth) => void;
}

/** A gateway whose route `/files` goes to an upstream that each user connects. */
export async function startFilesGateway(settings: FilesGatewaySettings = {}): Promise<FilesGateway> {
  const upstream = await startOAuthUpstream(settings.upstream);
  const gateway = await startGateway({
    ...(settings.options && { options: settings.options }),
    routes(app, auth) {
      if (settings.before) app.use(settings.before);
      const given = typeof settings.credential === 'function' ? settings.credential(upstream) : settings.credential;
      const credential = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand', ...given });
      app.use(auth.proxy('/files', { target: upstream.url, upstream: credential }));
      settings.routes?.(app, auth);
    },
  });
  return {
    gateway,
    upstream,
    url: `${gateway.url}/files`,
    async close() {
      await gateway.close();
      await upstream.close();
    },
  };
}

/** Somebody signed in at the gateway, with a browser. */
export interface User {
  readonly name: string;
  readonly browser: Browser;
  readonly accessToken: string;
}

export async function signIn(issuer: string, name: string, path = '/files', browser = createBrowser()): Promise<User> {
  const client = await createOAuthClient(issuer, {}, `${issuer}${path}`);
  const code = await client.login(browser, {}, { name });
  const { json } = await client.redeem(code);
  return { name, browser, accessToken: String(json?.access_token) };
}

/** A JSON-RPC request of a client before 2026-07-28. */
export function rpc(
  url: string,
  { accessToken }: Pick<User, 'accessToken'>,
  method: string,
  params: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...bearer(accessToken),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
}

/** The link in an answer. */
export function linkIn(text: string): string {
  const link = /https?:\/\/[^\s"\\]+\/oauth\/connect\/[A-Za-z0-9_-]+/.exec(text)?.[0];
  if (link === undefined) throw new Error(`no link in ${text}`);
  return link;
}

/** Opens a link and goes on up to the last page, as `name` at the upstream. */
export async function connect(browser: Browser, link: string, name: string): Promise<Page> {
  const stopAt = (url: string) => !/^http:\/\/(?:127\.0\.0\.1|localhost):/.test(url);
  let page = await browser.get(link, { stopAt });
  for (let step = 0; step < 6; step += 1) {
    const controls = page.forms.flatMap((form) => form.controls.map((control) => control.name));
    if (controls.includes('decision'))
      page = await browser.submit(page, 'decision', { decision: 'connect' }, { stopAt });
    else if (controls.includes('upstreamLogin')) {
      page = await browser.submit(page, 'upstreamLogin', { upstreamLogin: name }, { stopAt });
    } else if (controls.includes('name')) page = await browser.submit(page, 'name', { name }, { stopAt });
    else break;
  }
  return page;
}

/** What the upstream's tool `whoami` says; the answer may come as an event stream. */
export function whoAmI({ text }: Answer): { readonly clientId?: string; readonly extra?: { readonly sub?: string } } {
  const json = text.startsWith('{') ? text : (/^data: (.*"result".*)$/m.exec(text)?.[1] ?? '{}');
  const { result } = JSON.parse(json) as { result?: { content: { text: string }[] } };
  return JSON.parse(result?.content[0]?.text ?? '{}') as ReturnType<typeof whoAmI>;
}
