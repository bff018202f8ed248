import { describe, expect, it } from '@jest/globals';
import { createRefreshGrace } from '../../lib/grants/refresh-grace.ts';
import { memoryStorage } from '../../lib/index.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { recordId } from '../../lib/shared/record-ids.ts';

const issuer = parseIssuer('https://gateway.example.com') as Issuer;
const ring = createKeyRing(['a secret of this test, which is long enough']);
const answer = {
  body: { access_token: 'the-new-access-token', refresh_token: 'the-new-refresh-token' },
  issuedAt: 1000,
};

async function kept(secret?: string) {
  const storage = memoryStorage();
  const { answerId, write } = createRefreshGrace(storage, issuer, ring, 30).keep(answer, 'grant');
  await storage.put(write.kind, write.id, write.value, write.options);
  const reader = secret === undefined ? ring : createKeyRing([secret]);
  return { storage, answerId, write, grace: createRefreshGrace(storage, issuer, reader, 30) };
}

describe('the answer of a refresh', () => {
  it('lies sealed in a record that ends soon after the window, and with its grant', async () => {
    const { storage, answerId, write, grace } = await kept();
    expect(JSON.stringify(write)).not.toMatch(/the-new-access-token|the-new-refresh-token/);
    const left = Number(write.options?.expiresAt) - Date.now() / 1000;
    expect(left).toBeGreaterThan(30);
    expect(left).toBeLessThanOrEqual(40);
    expect(await grace.find(answerId)).toEqual({ answer });
    await storage.deleteByGrant('grant', Date.now() / 1000 + 60);
    expect(await grace.find(answerId)).toBeUndefined();
  });

  it('has a name of its own each time, so that no two requests share one', async () => {
    const { grace } = await kept();
    expect(grace.keep(answer, 'grant').answerId).not.toBe(grace.keep(answer, 'grant').answerId);
  });

  it('is there but unreadable for a process with other keys', async () => {
    const { answerId, grace } = await kept('another secret, which is long enough, too');
    expect(await grace.find(answerId)).toEqual({});
  });

  it('counts until its refresh token is used, in one step or in two', async () => {
    const { storage, grace } = await kept();
    const id = recordId(issuer, answer.body.refresh_token);
    expect(await grace.isUnused(answer)).toBe(false);
    await storage.put('RefreshToken', id, { n: 1 });
    expect(await grace.isUnused(answer)).toBe(true);
    await storage.put('RefreshToken', id, { n: 1, rotation: { at: 1 } });
    expect(await grace.isUnused(answer)).toBe(false);
    await storage.put('RefreshToken', id, { n: 1 });
    await storage.consume('RefreshToken', id, 1);
    expect(await grace.isUnused(answer)).toBe(false);
  });
});
