import { describe, expect, it } from '@jest/globals';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { listedIndex, listRecords } from '../../lib/shared/listing.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { allStores } from '../helpers/stores.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const other = parseIssuer('https://other.example.com') as Issuer;
describe.each(allStores)('records in %s are listed', (_name, open) => {
  it('each once, by ascending id, page by page, of one issuer and one kind', async () => {
    const store = await open();
    const [storage, replica] = store.replicas;
    const ids = Array.from({ length: 150 }, (_, index) => recordId(issuer, `record ${index}`));
    for (const id of ids) await storage.put('Thing', id, { id }, { index: listedIndex(id) });
    const foreign = recordId(other, 'record');
    await storage.put('Thing', foreign, {}, { index: listedIndex(foreign) });
    await storage.put('Other', ids[0] as string, {}, { index: listedIndex(ids[0] as string) });
    for (const limit of [7, 100, 1000]) {
      const seen: string[] = [];
      let page: readonly { id: string }[];
      do {
        page = await listRecords(replica, 'Thing', issuer, { limit, after: seen.at(-1) });
        expect(page.length).toBeLessThanOrEqual(limit);
        seen.push(...page.map(({ id }) => id));
      } while (page.length === limit);
      expect(seen).toEqual([...ids].sort((one, another) => Buffer.compare(Buffer.from(one), Buffer.from(another))));
    }
    await store.close();
  }, 120_000);
});
