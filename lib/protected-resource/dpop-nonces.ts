import type { KeyRingSource } from '../shared/secrets.ts';

/** Values that a proof must repeat, so that none is made in advance (RFC 9449 section 9). */
export interface DpopNonces {
  /** For the next proof. */
  current(): Promise<string>;
  isFresh(nonce: unknown): Promise<boolean>;
}

const windowSeconds = 120;

/** Nonces that every process with the same key ring knows, without storage: each is good for two to four minutes. */
export function createDpopNonces(keyRing: KeyRingSource): DpopNonces {
  const sign = async (window: number) => `${window}.${(await keyRing()).sign('dpop nonce', String(window))}`;
  const currentWindow = () => Math.floor(Date.now() / 1000 / windowSeconds);
  return {
    current: () => sign(currentWindow()),
    async isFresh(nonce) {
      const window = currentWindow();
      return typeof nonce === 'string' && [await sign(window), await sign(window - 1)].includes(nonce);
    },
  };
}
