/** A person with a browser and a client of the cluster. */
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type Answer, callbackOf, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Person {
  readonly browser: Browser;
  readonly client: OAuthClient;
  /** Approves, and signs in where that is asked for. */
  code(): Promise<string>;
  tokens(): Promise<Tokens>;
}

export async function createPerson(issuer: string, client?: OAuthClient): Promise<Person> {
  const own = client ?? (await createOAuthClient(issuer));
  const browser = createBrowser({ stopAt: (url) => !url.startsWith(issuer), now: () => Date.now() });
  const code = () => own.login(browser);
  return { browser, client: own, code, tokens: async () => tokensOf(await own.redeem(await code())) };
}

export function tokensOf(answer: Answer): Tokens {
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${answer.text}`);
  return { accessToken: String(answer.json?.access_token), refreshToken: String(answer.json?.refresh_token) };
}

/** The MCP route with a token. */
export function callMcp(issuer: string, accessToken: string): Promise<Answer> {
  return send(`${issuer}/mcp`, { method: 'POST', headers: { 'content-length': '0', ...bearer(accessToken) } });
}

/** `200`, or the status with the error: `400 invalid_grant`. */
export function outcomeOf({ status, json }: Answer): string {
  return status === 200 ? '200' : `${status} ${json?.error}`;
}

/** The code that a page leads to; undefined where it leads to none. */
export function codeOf(page: Page): string | undefined {
  return callbackOf(page).code;
}
