import type { Issuer } from '../shared/issuer.ts';
import type { SignIns } from '../shared/sign-ins.ts';
import type { Grants } from './grants.ts';

/** How long what was granted lives, as the user's standing at the identity provider changes. */
export interface GrantLifetime {
  /** A grant lives on from now as long as a new one, and the sign-in that it was made in with it. */
  extend(issuer: Issuer, grantId: string): Promise<void>;
  /** Ends a sign-in: its browser sessions, what was granted in it, and the provider's tokens. */
  endSignIn(key: string): Promise<void>;
}

export function createGrantLifetime({ grants, signIns }: { grants: Grants; signIns: SignIns }): GrantLifetime {
  return {
    async extend(issuer, grantId) {
      await grants.extend(issuer, grantId);
      const key = await grants.signInOf(issuer, grantId);
      if (key !== undefined) await signIns.extend(issuer, key);
    },

    /** The record last: an outage before leaves what is needed to try again. */
    async endSignIn(key) {
      await signIns.end(key);
      await grants.endAll({ index: 'signIn', key });
      await signIns.forget(key);
    },
  };
}
