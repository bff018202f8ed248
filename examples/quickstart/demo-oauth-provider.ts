import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  OAuthTokens,
} from '@modelcontextprotocol/client';

/** What a real client keeps on disk, in memory; its browser is driven by the demo. */
export class MemoryOAuthProvider implements OAuthClientProvider {
  readonly redirectUrl: string;
  authorizationUrl: URL | undefined;
  #client: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #codeVerifier = '';
  #discoveryState: OAuthDiscoveryState | undefined;
  readonly #state = crypto.randomUUID();

  constructor(redirectUrl: string) {
    this.redirectUrl = redirectUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    return { client_name: 'Demo client', redirect_uris: [this.redirectUrl], token_endpoint_auth_method: 'none' };
  }

  get clientId(): string | undefined {
    return this.#client?.client_id;
  }

  state = () => this.#state;
  clientInformation = () => this.#client;
  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client;
  }

  tokens = () => this.#tokens;
  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }

  /** As if it had expired: the next request is refused and makes the client refresh. */
  spoilAccessToken(): void {
    if (this.#tokens) this.#tokens = { ...this.#tokens, access_token: 'expired' };
  }

  redirectToAuthorization(url: URL): void {
    this.authorizationUrl = url;
  }

  /** The authorization server found at the start must be the one of the callback (MCP 2026-07-28, SEP-2352). */
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discoveryState = state;
  }
  discoveryState = () => this.#discoveryState;

  saveCodeVerifier(codeVerifier: string): void {
    this.#codeVerifier = codeVerifier;
  }
  codeVerifier = () => this.#codeVerifier;
}
