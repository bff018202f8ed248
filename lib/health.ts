import type { Issuer } from './shared/issuer.ts';
import type { KeyRingSource } from './shared/secrets.ts';
import type { Storage } from './storage/storage.ts';

/** Whether this process can serve. */
export interface Health {
  /** Storage and keys are. The identity provider's outage stops new logins only, so it does not count. */
  readonly ok: boolean;
  readonly storage: boolean;
  /** Secrets and signing keys can be read. */
  readonly keys: boolean;
  /** The last contact with the identity provider succeeded, or there was none yet; not asked for this answer. */
  readonly idp: boolean;
}

export interface HealthOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly provider: (issuer: Issuer) => Promise<unknown>;
  readonly issuer: Issuer | undefined;
  readonly isIdentityProviderReachable: () => boolean;
}

const limitMs = 1000;

/** Resolves true within a second, or it counts as false: a probe must neither hang nor fail. */
async function within(work: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  const done = (async () => work())().then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

export function createHealth({
  storage,
  keyRing,
  provider,
  issuer,
  isIdentityProviderReachable,
}: HealthOptions): () => Promise<Health> {
  return async () => {
    const [storageAnswers, keysAnswer] = await Promise.all([
      within(() => storage.ping()),
      within(() => (issuer ? provider(issuer) : keyRing())),
    ]);
    return {
      ok: storageAnswers && keysAnswer,
      storage: storageAnswers,
      keys: keysAnswer,
      idp: isIdentityProviderReachable(),
    };
  };
}
