import { Provider } from 'oidc-provider';

/** What of the oidc-provider request being served is read by hooks that get no context. */
export interface CurrentRequest {
  readonly req: { readonly ip?: string; readonly socket: { readonly remoteAddress?: string | undefined } };
  readonly oidc?: {
    readonly route?: string;
    readonly params?: Readonly<Record<string, unknown>>;
    readonly body?: Readonly<Record<string, unknown>>;
  };
}

/** The request being served; undefined outside of one. */
export function currentRequest(): CurrentRequest | undefined {
  return Provider.ctx as CurrentRequest | undefined;
}
