import { describe, expect, it } from '@jest/globals';
import { createRefreshGrace } from '../../lib/grants/refresh-grace.ts';
import { memoryStorage, type Storage } from '../../lib/index.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';

const issuer = parseIssuer('https://gateway.example.com') as Issuer;
const ring = createKeyRing(['a secret of this test, which is long enough']);
const request = { tokenId: 'token', grantId: 'grant', binding: 'client and resource' };

const graceOn = (storage: Storage) => createRefreshGrace(storage, issuer, ring, 30);

/** Moves the lease of the claim into the past, as if its holder had not answered for so long. */
async function abandon(storage: Storage, claimId: string): Promise<void> {
  const record = await storage.get('RefreshClaim', claimId);
  if (!record) throw new Error('there is no claim');
  const { version, value, expiresAt } = record;
  const heldAt = Number(value.heldAt) - 60;
  await storage.replace('RefreshClaim', claimId, version, { ...value, heldAt }, { expiresAt: expiresAt as number });
}

describe('a claim on a refresh token', () => {
  it('that its holder gives back can be made again', async () => {
    const grace = graceOn(memoryStorage());
    const claim = await grace.claim(request);
    if (claim.kind !== 'held') throw new Error(claim.kind);
    expect((await grace.claim(request)).kind).toBe('wait');
    await grace.release(claim.held);
    expect(await grace.claim(request)).toMatchObject({ kind: 'held', held: { isTakeover: false } });
  });

  it('that another took over stays with that one when the first holder gives it back', async () => {
    const storage = memoryStorage();
    const grace = graceOn(storage);
    const [first] = [await grace.claim(request)];
    if (first.kind !== 'held') throw new Error(first.kind);
    await abandon(storage, first.held.claimId);
    expect(await grace.claim(request)).toMatchObject({ kind: 'held', held: { isTakeover: true } });
    await grace.release(first.held);
    expect((await grace.claim(request)).kind).toBe('wait');
  });

  it('stays, too, where it is taken over while the first holder gives it back', async () => {
    const storage = memoryStorage();
    const grace = graceOn(storage);
    const first = await grace.claim(request);
    if (first.kind !== 'held') throw new Error(first.kind);
    await abandon(storage, first.held.claimId);
    const { get } = storage;
    storage.get = async (kind, id) => {
      const record = await get(kind, id);
      storage.get = get;
      await grace.claim(request); // Behind the holder's look at its own claim.
      return record;
    };
    await grace.release(first.held);
    expect((await grace.claim(request)).kind).toBe('wait');
  });
});
