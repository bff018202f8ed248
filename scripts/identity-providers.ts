import { writeFileSync } from 'node:fs';
import { renderIdentityProviders } from './identity-providers/render.ts';

writeFileSync(new URL('../docs/identity-providers.md', import.meta.url), renderIdentityProviders());
