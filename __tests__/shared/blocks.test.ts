import { expect, it } from '@jest/globals';
import { createBlocks } from '../../lib/shared/blocks.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;

it('a block that was read holds while the store is away; an error that is no outage is not passed over', async () => {
  const storage = memoryStorage();
  const blocks = createBlocks(storage, 0);
  await blocks.add(issuer, { type: 'client', value: 'evil', at: 1, actor: 'operator' });
  const failWith = (error: Error) => {
    storage.get = () => Promise.reject(error);
  };
  failWith(new StorageUnavailableError('away'));
  expect(await blocks.blockOf(issuer, { clientId: 'evil' }, true)).toBe('client');
  expect(await blocks.blockOf(issuer, { clientId: 'other' }, true)).toBeUndefined();
  await expect(blocks.blockOf(issuer, { clientId: 'evil' })).rejects.toThrow('away');
  failWith(new TypeError('a mistake'));
  await expect(blocks.blockOf(issuer, { clientId: 'other' }, true)).rejects.toThrow('a mistake');
});
