import type { Identities, Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { PageUpstream } from '../shared/pages/models.ts';
import type { ConnectableUpstream } from './connectable-upstream.ts';
import type { OAuthClient } from './oauth-client.ts';
import type { Vault } from './vault.ts';

/** An upstream with an authorization server to go to. */
export type AuthorizableUpstream = ConnectableUpstream & { readonly client: OAuthClient };

/** Upstreams of a route that a person may connect on the way to a code. */
export interface OfferedUpstreams {
  /** As pages show them; none for a person who is not known any more. */
  list(issuer: Issuer, account: string, path: string): Promise<PageUpstream[]>;
  /** One of them that is not connected yet. */
  find(issuer: Issuer, account: string, path: string, id: string): Promise<AuthorizableUpstream | undefined>;
  card(upstream: ConnectableUpstream, issuer: Issuer, account: string): Promise<PageUpstream>;
}

export interface OfferedUpstreamsOptions {
  readonly all: () => readonly ConnectableUpstream[];
  readonly identities: Identities;
  readonly vault: Pick<Vault, 'has'>;
}

export function createOfferedUpstreams({ all, identities, vault }: OfferedUpstreamsOptions): OfferedUpstreams {
  const isAuthorizable = (upstream: ConnectableUpstream): upstream is AuthorizableUpstream =>
    upstream.client !== undefined;

  function offeredTo(identity: Identity, path: string): AuthorizableUpstream[] {
    return all()
      .filter((upstream) => upstream.path === path && upstream.connect !== 'on-demand')
      .filter(isAuthorizable)
      .filter((upstream) => upstream.mayConnect(identity));
  }

  async function card(upstream: ConnectableUpstream, issuer: Issuer, account: string): Promise<PageUpstream> {
    return {
      id: upstream.id,
      name: upstream.displayName,
      host: upstream.host,
      ...(upstream.summary !== undefined && { summary: upstream.summary }),
      isConnected: await vault.has(upstream.keyOf(issuer, account)),
      isRequired: upstream.connect === 'required',
      isShared: upstream.isShared,
    };
  }

  return {
    card,
    async list(issuer, account, path) {
      const identity = await identities.find(issuer, account);
      const offered = identity ? offeredTo(identity, path) : [];
      return Promise.all(offered.map((upstream) => card(upstream, issuer, account)));
    },
    async find(issuer, account, path, id) {
      const identity = await identities.find(issuer, account);
      const found = identity && offeredTo(identity, path).find((upstream) => upstream.id === id);
      return found && !(await vault.has(found.keyOf(issuer, account))) ? found : undefined;
    },
  };
}
