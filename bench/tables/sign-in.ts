import { createBrowser } from '../../__tests__/helpers/browser.ts';
import { createOAuthClient, type OAuthClient } from '../../__tests__/helpers/oauth-client.ts';

/** What a public native client registers. */
export const nativeClient = {
  client_name: 'Bench Client',
  redirect_uris: ['http://127.0.0.1:1/callback'],
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

/** A client of its own with tokens from a login, at ours or at bare oidc-provider alike. */
export interface SignedIn {
  readonly client: OAuthClient;
  readonly accessToken: string;
  readonly refreshToken: string;
}

export async function signIn(url: string, name = 'alice'): Promise<SignedIn> {
  const client = await createOAuthClient(url, nativeClient);
  const code = await client.login(createBrowser(), { scope: 'mcp:tools' }, { name });
  const { status, json, text } = await client.redeem(code);
  if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${text}`);
  return { client, accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
}

/** Several users side by side, each with a client of its own. */
export async function signInAll(url: string, users: number): Promise<SignedIn[]> {
  const signedIn: SignedIn[] = [];
  for (let index = 0; index < users; index += 1) signedIn.push(await signIn(url, `user ${index}`));
  return signedIn;
}
