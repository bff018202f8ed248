import { describe, expect, test } from '@jest/globals';
import { createProviderAdapter, type ProviderAdapter } from '../../lib/authorization-server/provider-adapter.ts';
import { createRefreshRotation } from '../../lib/authorization-server/refresh-rotation.ts';
import { createEvents } from '../../lib/shared/events.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;

/** A store whose every method rejects with this error. */
function failing(error: Error): Storage {
  const methods = Object.entries(memoryStorage()).filter(([, member]) => typeof member === 'function');
  return Object.fromEntries(methods.map(([name]) => [name, async () => Promise.reject(error)])) as unknown as Storage;
}

function adapter(model: string, storage: Storage, seen: string[]): ProviderAdapter {
  const events = createEvents(undefined);
  events.on('*', ({ type }) => void seen.push(type));
  return createProviderAdapter(model, {
    storage,
    issuer,
    keyRing: createKeyRing(['a secret of these tests, long enough']),
    events,
    rotation: createRefreshRotation({ storage, issuer, grace: undefined, events }),
    tombstoneSeconds: 1000,
    clientTtlSeconds: 500,
    loadClient: async () => undefined,
    registeredClient: (metadata) => metadata,
    onGrantDeleted: () => undefined,
  });
}

describe('an outage of the store', () => {
  const calls: [name: string, model: string, call: (adapter: ProviderAdapter) => Promise<unknown>][] = [
    ['find', 'AccessToken', (one) => one.find('id')],
    ['findByUid', 'Session', (one) => one.findByUid('uid')],
    ['upsert', 'AccessToken', (one) => one.upsert('id', {}, 60)],
    ['upsert of a grant', 'Grant', (one) => one.upsert('id', { accountId: 'a' }, 60)],
    ['upsert of an assertion', 'ReplayDetection', (one) => one.upsert('id', {}, 60)],
    ['consume', 'AuthorizationCode', (one) => one.consume('id')],
    ['destroy', 'Session', (one) => one.destroy('id')],
    ['destroy of an interaction', 'Interaction', (one) => one.destroy('id')],
    ['destroy of a grant', 'Grant', (one) => one.destroy('id')],
    ['revokeByGrantId', 'RefreshToken', (one) => one.revokeByGrantId('id')],
  ];

  test.each(calls)(
    'in %s of %s is 503 temporarily_unavailable, never a redirect and never invalid_grant (DESIGN 4.10)',
    async (_name, model, call) => {
      const seen: string[] = [];
      const down = failing(new StorageUnavailableError('connection refused'));
      const error = await call(adapter(model, down, seen)).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        status: 503,
        error: 'temporarily_unavailable',
        error_description: 'the server cannot answer now; try again',
        expose: true,
        allow_redirect: false,
        cause: expect.any(StorageUnavailableError),
      });
      expect(seen).toEqual(['storage.unavailable']);
    },
  );

  test.each(calls)('is told from a mistake, which stays as it is: %s of %s', async (_name, model, call) => {
    const seen: string[] = [];
    const broken = failing(new TypeError('a mistake'));
    await expect(call(adapter(model, broken, seen))).rejects.toThrow(TypeError);
    expect(seen).toEqual([]);
  });
});
