import type { Issuer } from '../shared/issuer.ts';
import { listedIndex } from '../shared/listing.ts';
import { recordId } from '../shared/record-ids.ts';
import { sealedIndex } from '../shared/sealed-records.ts';
import type { Storage } from '../storage/storage.ts';

/** How long a registered client lives without a token, and from its last one on. */
export interface ClientLifetime {
  /** A token was issued: the registration lives on. Writes at most once a day. */
  used(issuer: Issuer, clientId: string): Promise<void>;
  /** Whether a client that registered itself ever got a token, so that somebody approved it. */
  wasUsed(issuer: Issuer, clientId: string): Promise<boolean>;
}

const daySeconds = 86_400;
const maxRemembered = 10_000;
const nowSeconds = () => Math.floor(Date.now() / 1000);

export function createClientLifetime(
  storage: Storage,
  {
    clientTtlSeconds,
    unusedClientTtlSeconds,
  }: { readonly clientTtlSeconds: number; readonly unusedClientTtlSeconds: number },
): ClientLifetime {
  /** When each client has to be looked at again; bounded, and losing an entry costs one read. */
  const nextLook = new Map<string, number>();
  /** How much of its life a client may have used up before a token renews it. */
  const interval = Math.min(daySeconds, Math.ceil(clientTtlSeconds / 10));

  return {
    async used(issuer, clientId) {
      const id = recordId(issuer, clientId);
      const now = nowSeconds();
      if ((nextLook.get(id) ?? 0) > now) return;
      const record = await storage.get('Client', id);
      let expiresAt = record?.expiresAt ?? now + clientTtlSeconds;
      if (record && expiresAt <= now + clientTtlSeconds - interval) {
        expiresAt = now + clientTtlSeconds;
        const index = { ...listedIndex(id), ...sealedIndex(id, record.value.client_secret) };
        // Written by another meanwhile: the next token looks again.
        if (!(await storage.replace('Client', id, record.version, record.value, { expiresAt, index }))) return;
      }
      if (nextLook.size >= maxRemembered) nextLook.delete(nextLook.keys().next().value as string);
      // Not from this token on: what was written last may be nearly an interval old.
      nextLook.set(id, expiresAt - clientTtlSeconds + interval);
    },

    async wasUsed(issuer, clientId) {
      const id = recordId(issuer, clientId);
      if (nextLook.has(id)) return true;
      const record = await storage.get('Client', id);
      const { client_id_issued_at: issuedAt } = record?.value ?? {};
      // Its registration ends a fixed time after it was made, until a token renews it.
      const unusedUntil = Number(issuedAt) + unusedClientTtlSeconds + 60;
      return record?.expiresAt !== undefined && record.expiresAt > unusedUntil;
    },
  };
}
