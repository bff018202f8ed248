import { randomBytes } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import type { EventSink } from './events.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';

/** Gives the key ring, reading or generating the secret in storage on the first call. Rejects while storage is down. */
export type KeyRingSource = () => Promise<KeyRing>;

const kind = 'Secret';
const id = 'generated';

/** Outside production a secret is generated once into the store; of several processes exactly one generates it. */
async function generatedSecret(storage: Storage, events: EventSink): Promise<string> {
  const secret = randomBytes(48).toString('base64url');
  if (await storage.create(kind, id, { secret })) {
    events.emit({
      type: 'configuration.warning',
      code: 'MCP_OAUTH_SECRET_GENERATED',
      reason:
        'no secret was given: one was generated into the store; give the option secret before going to production',
    });
    return secret;
  }
  const record = await storage.get(kind, id);
  if (typeof record?.value.secret !== 'string') throw new Error('the generated secret is missing from the store');
  return record.value.secret;
}

export function createKeyRingSource(
  storage: Storage,
  secrets: readonly string[] | undefined,
  events: EventSink,
): KeyRingSource {
  let ring: Promise<KeyRing> | undefined;
  return () => {
    ring ??= (async () =>
      createKeyRing(secrets ? (secrets as [string, ...string[]]) : [await generatedSecret(storage, events)]))();
    ring.catch(() => {
      ring = undefined; // Tried again by the next request: an outage at start must not stay.
    });
    return ring;
  };
}
