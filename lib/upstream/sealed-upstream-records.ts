import type { SealedKind } from '../shared/sealed-records.ts';
import { sealedClientKeys } from './client-keys.ts';
import { sealedRegistrations } from './client-registration.ts';
import { sealedUpstreamTokens } from './vault-records.ts';

/** Everything of this stage that outlives a change of the option `secret`. */
export const sealedUpstreamRecords: readonly SealedKind[] = [
  sealedClientKeys,
  sealedRegistrations,
  sealedUpstreamTokens,
];
