/** A client that does not register, by hand: known by its metadata document, or configured by the operator. */
import { createHash, randomBytes } from 'node:crypto';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type Answer, callbackOf, type Parameters, postForm } from '../helpers/oauth-client.ts';

export const redirectUri = 'https://client.example/callback';

/** A document with which nothing is wrong. */
export function soundDocument(clientId: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const document = {
    client_id: clientId,
    client_name: 'Example client',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...changes,
  };
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined));
}

export interface DocumentClient {
  /** The authorization request of a browser that is signed in nowhere. @returns the page, or where it stopped */
  ask(overrides?: Parameters, browser?: Browser): Promise<Page>;
  /** Allows the client and signs in. @returns the code */
  login(overrides?: Parameters): Promise<string>;
  /** @param authentication further parameters, such as an assertion */
  redeem(code: string, authentication?: Parameters, headers?: Record<string, string>): Promise<Answer>;
  refresh(refreshToken: unknown, authentication?: Parameters, headers?: Record<string, string>): Promise<Answer>;
}

export function createDocumentClient(issuer: string, clientId: string): DocumentClient {
  const verifier = randomBytes(32).toString('base64url');
  const stopAt = (url: string) => !url.startsWith(issuer);

  const client: DocumentClient = {
    ask(overrides = {}, browser = createBrowser()) {
      const parameters = {
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        state: 'the state',
        ...overrides,
      } as Record<string, string>;
      return browser.get(`${issuer}/oauth/authorize?${new URLSearchParams(parameters)}`, { stopAt });
    },

    async login(overrides) {
      const browser = createBrowser();
      const page = await client.ask(overrides, browser);
      const signIn = await browser.submit(page, 'csrf', { decision: 'approve' }, { stopAt });
      const end = await browser.submit(signIn, 'name', { name: 'alice' }, { stopAt });
      const { code } = callbackOf(end);
      if (code === undefined) throw new Error(`no code at ${end.location ?? end.url}: ${end.text}`);
      return code;
    },

    redeem: (code, authentication = {}, headers = {}) =>
      postForm(
        `${issuer}/oauth/token`,
        {
          grant_type: 'authorization_code',
          client_id: clientId,
          code,
          redirect_uri: redirectUri,
          code_verifier: verifier,
          ...authentication,
        },
        headers,
      ),
    refresh: (refreshToken, authentication = {}, headers = {}) =>
      postForm(
        `${issuer}/oauth/token`,
        {
          grant_type: 'refresh_token',
          client_id: clientId,
          refresh_token: String(refreshToken),
          ...authentication,
        },
        headers,
      ),
  };
  return client;
}
