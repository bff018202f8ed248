/** Adapters of oidc-provider as people write them: one step of the engine for each call, and nothing made atomic. */
import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { CallCounter } from '../../harness/call-counter.ts';
import type { StoreSettings } from '../stores.ts';
import { mapAdapter } from './map.ts';
import { postgresAdapter } from './postgres.ts';
import { redisAdapter } from './redis.ts';
import { sqliteAdapter } from './sqlite.ts';

export type PlainAdapter = Pick<
  Adapter,
  'upsert' | 'find' | 'findByUid' | 'findByUserCode' | 'consume' | 'destroy' | 'revokeByGrantId'
>;

export type Payload = AdapterPayload;

export type AdapterFactory = (model: string) => PlainAdapter;

/** Runs one round trip of an engine. */
export type Trip = <T>(label: string, work: () => Promise<T>) => Promise<T>;

async function openFactory(store: StoreSettings, trip: Trip): Promise<AdapterFactory> {
  switch (store.engine) {
    case 'memory':
      return mapAdapter();
    case 'sqlite':
      return sqliteAdapter(store.path);
    case 'redis':
      return redisAdapter(store.url, trip);
    case 'postgres':
      return postgresAdapter(store.url, trip);
  }
}

/** The plain adapter of an engine; counted only on demand. */
export async function openPlainAdapter(
  store: StoreSettings,
  counter: CallCounter | undefined,
): Promise<AdapterFactory> {
  if (!counter) return openFactory(store, (_label, work) => work());
  const factory = await openFactory(store, (label, work) => counter.call('engine', label, work));
  return (model) => counter.counted('storage', factory(model), model);
}
