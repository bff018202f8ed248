import { randomUUID } from 'node:crypto';
import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

const kind = 'Doctor';
const marginSeconds = 30;

/** Whether the store's idea of the present is this process's. */
export const storageExpiry: Check<Configuration> = {
  id: 'storage-expiry',
  severity: 'error',
  looksAt: `A record that ends in ${marginSeconds} seconds is there, and one that ended ${marginSeconds} seconds ago is not.`,
  hurts: 'People: logins end at once, or codes and tokens live on after their end.',
  mend: 'Synchronise the clocks (NTP) of this machine and of the database.',
  run: async (configuration) => {
    const { storage } = configuration.inspection().settings;
    const now = Math.floor(configuration.now() / 1000);
    const ids = { live: `doctor:${randomUUID()}`, ended: `doctor:${randomUUID()}` };
    try {
      await storage.put(kind, ids.live, {}, { expiresAt: now + marginSeconds });
      await storage.put(kind, ids.ended, {}, { expiresAt: now - marginSeconds });
      return [
        ...((await storage.get(kind, ids.live))
          ? []
          : [`a record that ends in ${marginSeconds} seconds is gone already`]),
        ...((await storage.get(kind, ids.ended))
          ? [`a record that ended ${marginSeconds} seconds ago is still there`]
          : []),
      ];
    } catch {
      throw new Missing('the store does not answer');
    } finally {
      for (const id of Object.values(ids)) await storage.delete(kind, id).catch(() => {});
    }
  },
};
