import type { ProviderProfile } from './profile.ts';
import { generic } from './profiles/generic.ts';

/** Every provider that can be simulated, by name. */
export const providerProfiles = { generic } as const satisfies Record<string, ProviderProfile>;

/** A name of {@link providerProfiles}. */
export type ProviderName = keyof typeof providerProfiles;
