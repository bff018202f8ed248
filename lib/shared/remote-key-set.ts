import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { createRemoteDocument } from './remote-document.ts';

/** Loaded with the first token: a process without JWTs never does. */
const loadJose = () => import('jose');

/**
 * The keys of another server. A token that names an unknown key makes the set be fetched again, within the limits of
 * {@link createRemoteDocument}.
 * @param load fetches the set; rejects where the answer cannot be used
 */
export function createRemoteKeySet(
  load: () => Promise<unknown>,
  now: () => number = () => Date.now(),
): JWTVerifyGetKey {
  const keySet = createRemoteDocument<JWTVerifyGetKey>(
    async () => {
      const { createLocalJWKSet } = await loadJose();
      return createLocalJWKSet((await load()) as JSONWebKeySet);
    },
    { now },
  );

  return async (header, input) => {
    const find = await keySet.current();
    try {
      return await find(header, input);
    } catch (error) {
      const isUnknown = (error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY';
      const findNewer = isUnknown ? await keySet.newer() : undefined;
      if (!findNewer) throw error;
      return findNewer(header, input);
    }
  };
}
