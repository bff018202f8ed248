import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { errors } from 'oidc-provider';
import {
  createProviderAdapter,
  type ProviderAdapter,
  type ProviderAdapterOptions,
} from '../../lib/authorization-server/provider-adapter.ts';
import { createRefreshRotation } from '../../lib/authorization-server/refresh-rotation.ts';
import { createEvents } from '../../lib/shared/events.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import type { Storage } from '../../lib/storage/storage.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const another = parseIssuer('https://mcp.example.com/gw') as Issuer;
const keyRing = createKeyRing(['a secret of these tests, long enough']);
const writing = ['put', 'create', 'replace'] as const;

let moved: number;
let written: unknown[];
let storage: Storage;
let seen: string[];

beforeEach(() => {
  moved = 0;
  written = [];
  seen = [];
  storage = memoryStorage({ now: () => Date.now() / 1000 + moved });
  for (const method of writing) {
    const original = storage[method] as (...parameters: unknown[]) => Promise<boolean>;
    const recording = (...parameters: unknown[]) => {
      written.push(parameters);
      return original(...parameters);
    };
    Object.assign(storage, { [method]: recording });
  }
});

afterEach(() => {
  expect(seen).toEqual([]);
});

function adapter(model: string, changes: Partial<ProviderAdapterOptions> = {}): ProviderAdapter {
  const events = createEvents(undefined);
  events.on('*', ({ type }) => void seen.push(type));
  return createProviderAdapter(model, {
    storage,
    issuer,
    keyRing,
    events,
    rotation: createRefreshRotation({ storage, issuer, grace: undefined, events }),
    tombstoneSeconds: 1000,
    clientTtlSeconds: 500,
    loadClient: async () => undefined,
    registeredClient: (metadata) => metadata,
    onGrantDeleted: () => undefined,
    ...changes,
  });
}

/** Names of the errors of what failed, and 'done' for what did not. */
async function outcomes(work: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason as Error).name)).sort();
}

describe('in the store', () => {
  test.each(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'Session', 'Interaction', 'Grant', 'ReplayDetection'])(
    'the identifier of a %s, which is the token itself, never stands in plain text',
    async (model) => {
      const id = 'identifier-that-must-not-be-kept';
      await adapter(model).upsert(id, { jti: id, kind: model, accountId: 'a' }, 60);
      expect(written).toHaveLength(1);
      expect(JSON.stringify(written)).not.toContain(id);
      expect(await adapter(model).find(id)).toEqual({ jti: id, kind: model, accountId: 'a' });
    },
  );

  test('the session cookie that an interaction names is left out, the rest of its session stays', async () => {
    const session = { accountId: 'a', uid: 'uid', cookie: 'the-session-id', acr: '0' };
    await adapter('Interaction').upsert('i', { jti: 'i', session }, 60);
    expect(JSON.stringify(written)).not.toContain('the-session-id');
    expect(await adapter('Interaction').find('i')).toEqual({
      jti: 'i',
      session: { accountId: 'a', uid: 'uid', acr: '0' },
    });
    expect(session.cookie).toBe('the-session-id');
  });

  test('the secret of a client is sealed, and opens with the right secret only', async () => {
    const client = { client_id: 'c', client_secret: 'the-client-secret', client_name: 'C' };
    await adapter('Client').upsert('c', client);
    expect(JSON.stringify(written)).not.toContain('the-client-secret');
    expect(await adapter('Client').find('c')).toEqual(client);
    const foreign = createKeyRing(['another secret of these tests, long enough']);
    expect(await adapter('Client', { keyRing: foreign }).find('c')).toBeUndefined();
    const rotated = createKeyRing([
      'another secret of these tests, long enough',
      'a secret of these tests, long enough',
    ]);
    expect(await adapter('Client', { keyRing: rotated }).find('c')).toEqual(client);
  });

  test("a sealed secret does not open in another client's record", async () => {
    await adapter('Client').upsert('one', { client_id: 'one', client_secret: 'secret-of-one' });
    await adapter('Client').upsert('two', { client_id: 'two', client_secret: 'secret-of-two' });
    const [[, , one], [kind, id]] = written as [[string, string, object], [string, string, object]];
    await storage.put(kind, id, { ...one });
    expect(await adapter('Client').find('two')).toBeUndefined();
  });

  test('every model is of its issuer alone, Client included (DESIGN 5)', async () => {
    for (const model of ['Client', 'AccessToken', 'Session', 'Grant']) {
      await adapter(model).upsert('id', { uid: 'uid', accountId: 'a' }, 60);
      expect(await adapter(model, { issuer: another }).find('id')).toBeUndefined();
      expect(await adapter(model, { issuer: another }).findByUid('uid')).toBeUndefined();
      expect(await adapter(model).find('id')).toMatchObject({ uid: 'uid' });
    }
    await adapter('Grant', { issuer: another }).destroy('id');
    await adapter('AccessToken', { issuer: another }).revokeByGrantId('id');
    expect(await adapter('Grant').find('id')).toBeDefined();
  });
});

describe('records', () => {
  test('end with their lifetime, a registration without one with that of unused clients', async () => {
    await adapter('AccessToken').upsert('t', { a: 1 }, 60);
    await adapter('Client').upsert('c', { client_id: 'c' });
    moved = 55;
    expect(await adapter('AccessToken').find('t')).toBeDefined();
    moved = 61;
    expect(await adapter('AccessToken').find('t')).toBeUndefined();
    moved = 495;
    expect(await adapter('Client').find('c')).toBeDefined();
    moved = 501;
    expect(await adapter('Client').find('c')).toBeUndefined();
  });

  test('of a session are found by its uid', async () => {
    await adapter('Session').upsert('session-1', { jti: 'session-1', uid: 'u1', accountId: 'a' }, 60);
    expect(await adapter('Session').findByUid('u1')).toMatchObject({ uid: 'u1', accountId: 'a' });
    expect(await adapter('Session').findByUid('u2')).toBeUndefined();
    expect(JSON.stringify((written[0] as unknown[])[3])).not.toContain('u1');
  });

  test('of a session end with its sign-in, and a request in flight does not write one back (CWE-613)', async () => {
    const sessions = adapter('Session');
    const payload = { kind: 'Session', uid: 'a-uid', accountId: 'alice', acr: 'a-sign-in' };
    await sessions.upsert('a-session', payload, 100);
    await sessions.upsert('another', { ...payload, uid: 'b-uid', acr: 'another-sign-in' }, 100);
    await storage.deleteByGrant(recordId(issuer, 'a-sign-in'), Date.now() / 1000 + 1000);

    expect(await sessions.find('a-session')).toBeUndefined();
    await expect(sessions.upsert('a-session', payload, 100)).rejects.toBeInstanceOf(errors.SessionNotFound);
    await expect(sessions.upsert('a-new-id', payload, 100)).rejects.toBeInstanceOf(errors.SessionNotFound);
    expect(await sessions.find('another')).toMatchObject({ accountId: 'alice' });
  });

  test('are fresh objects: what is done to one reaches neither the store nor another reader', async () => {
    const payload = { nested: { list: [1] } };
    await adapter('AccessToken').upsert('t', payload, 60);
    payload.nested.list.push(2);
    const found = (await adapter('AccessToken').find('t')) as typeof payload;
    found.nested.list.push(3);
    expect(await adapter('AccessToken').find('t')).toMatchObject({ nested: { list: [1] } });
  });

  test('that are destroyed are gone, and destroying what is not there is no error', async () => {
    await adapter('Session').upsert('s', { uid: 'u' }, 60);
    await adapter('Session').destroy('s');
    await adapter('Session').destroy('s');
    expect(await adapter('Session').find('s')).toBeUndefined();
  });

  test('of the device flow are found nowhere: it is off', async () => {
    await adapter('DeviceCode').upsert('d', { userCode: 'ABCD' }, 60);
    expect(await adapter('DeviceCode').findByUserCode('ABCD')).toBeUndefined();
  });
});

describe('what may happen once happens once', () => {
  test.each(['AuthorizationCode', 'RefreshToken'])(
    'of 20 parallel redemptions of one %s all but one get invalid_grant (RFC 6749 section 4.1.2)',
    async (model) => {
      await adapter(model).upsert('code', { grantId: 'g' }, 60);
      const results = await outcomes(Array.from({ length: 20 }, () => adapter(model).consume('code')));
      expect(results).toEqual([...Array(19).fill('InvalidGrant'), 'done']);
      expect(await storage.get(model, recordId(issuer, 'code'))).toMatchObject({ consumedAt: expect.any(Number) });
    },
  );

  test('a code that does not exist, or not any more, cannot be used', async () => {
    await expect(adapter('AuthorizationCode').consume('none')).rejects.toThrow(errors.InvalidGrant);
    await adapter('AuthorizationCode').upsert('code', {}, 60);
    moved = 61;
    await expect(adapter('AuthorizationCode').consume('code')).rejects.toThrow(errors.InvalidGrant);
  });

  test('of 20 parallel uses of one client assertion all but one are refused (RFC 7523 section 3)', async () => {
    const uses = Array.from({ length: 20 }, () => adapter('ReplayDetection').upsert('jti', { iss: 'client' }, 60));
    expect(await outcomes(uses)).toEqual([...Array(19).fill('InvalidClientAuth'), 'done']);
  });

  test('of 20 parallel resumptions of one interaction all but one are refused', async () => {
    await adapter('Interaction').upsert('i', { uid: 'i' }, 60);
    const resumed = Array.from({ length: 20 }, () => adapter('Interaction').destroy('i'));
    expect(await outcomes(resumed)).toEqual([...Array(19).fill('SessionNotFound'), 'done']);
  });
});

describe('a grant that was deleted', () => {
  test.each(['AccessToken', 'RefreshToken', 'AuthorizationCode'])(
    'takes its %s along and lets none be written after it',
    async (model) => {
      let deletions = 0;
      const onGrantDeleted = () => {
        deletions += 1;
      };
      await adapter('Grant').upsert('g', { accountId: 'a' }, 60);
      await adapter(model).upsert('before', { grantId: 'g' }, 60);
      await adapter(model).upsert('unrelated', { grantId: 'other' }, 60);
      await adapter(model, { onGrantDeleted }).revokeByGrantId('g');
      expect(deletions).toBe(1);
      expect(await adapter('Grant').find('g')).toBeUndefined();
      expect(await adapter(model).find('before')).toBeUndefined();
      expect(await adapter(model).find('unrelated')).toBeDefined();
      await expect(adapter(model).upsert('late', { grantId: 'g' }, 60)).rejects.toThrow(errors.InvalidGrant);
      expect(await adapter(model).find('late')).toBeUndefined();
    },
  );

  test('by its own id goes the same way, and stays closed as long as anything of it could live', async () => {
    await adapter('Grant').upsert('g', { accountId: 'a' }, 60);
    await adapter('AccessToken').upsert('t', { grantId: 'g' }, 60);
    await adapter('Grant').destroy('g');
    expect(await adapter('AccessToken').find('t')).toBeUndefined();
    moved = 990;
    await expect(adapter('AccessToken').upsert('t', { grantId: 'g' }, 60)).rejects.toThrow(errors.InvalidGrant);
  });

  test('is not what an interaction hangs on: it only names it', async () => {
    await adapter('Interaction').upsert('i', { grantId: 'g' }, 60);
    await adapter('Grant').destroy('g');
    expect(await adapter('Interaction').find('i')).toMatchObject({ grantId: 'g' });
  });
});
