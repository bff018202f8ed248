import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';

/** Ends a browser session by its uid. Tokens are not touched: a grant ends by revocation. */
export async function endSession(storage: Storage, issuer: Issuer, uid: string): Promise<void> {
  for (const { id } of await storage.find('Session', 'uid', recordId(issuer, uid), { limit: 10 }))
    await storage.delete('Session', id);
}
