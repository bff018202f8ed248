import { randomUUID } from 'node:crypto';
import type { Storage } from '../../../storage/storage.ts';
import type { Check } from '../check.ts';
import type { Configuration } from '../configuration.ts';

const kind = 'Doctor';

/** @returns what the store does wrong with one record */
export async function writeAndRead(storage: Storage, id: string, expiresAt: number): Promise<string | undefined> {
  const value = { text: 'doctor: ä€😀' };
  if (!(await storage.create(kind, id, value, { expiresAt }))) return 'a new record could not be created';
  if (await storage.create(kind, id, value, { expiresAt })) return 'a record was created twice';
  const read = await storage.get(kind, id);
  if (read?.value.text !== value.text) return 'a record that was just written is not read as it was written';
  if (!(await storage.replace(kind, id, read.version, { text: 'next' }, { expiresAt })))
    return 'a record could not be replaced';
  if (await storage.replace(kind, id, read.version, value, { expiresAt }))
    return 'a replaced version was replaced once more';
  const consumed = [await storage.consume(kind, id, 1), await storage.consume(kind, id, 1)];
  if (consumed.join() !== 'consumed,already') return `a record was consumed twice: ${consumed.join()}`;
  if (!(await storage.take(kind, id)) || (await storage.get(kind, id))) return 'a record that was taken is still there';
  return undefined;
}

/** Whether the store does what it promises. */
export const storageWrite: Check<Configuration> = {
  id: 'storage-write',
  severity: 'error',
  looksAt: 'The store creates, reads, replaces, consumes and takes a record, each exactly once.',
  hurts:
    'Everybody: without the store every request is answered 503; a store that forgets or repeats lets codes be used twice.',
  mend: 'Check address, credentials and rights of the database; run `express-mcp-auth migrate`. A read replica cannot stand in for the primary.',
  run: async (configuration) => {
    const { storage } = configuration.inspection().settings;
    const id = `doctor:${randomUUID()}`;
    try {
      await storage.ping();
      const problem = await writeAndRead(storage, id, Math.floor(configuration.now() / 1000) + 86_400);
      return problem === undefined ? [] : [problem];
    } catch (error) {
      return [`the store fails: ${(error as Error).message}`];
    } finally {
      await storage.delete(kind, id).catch(() => {});
    }
  },
};
