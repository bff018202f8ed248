import { describe, expect, it } from '@jest/globals';
import { createUserConfirmation } from '../../lib/federation/user-confirmation.ts';
import { memoryStorage } from '../../lib/index.ts';
import { createIdentities } from '../../lib/shared/identity.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';

describe('a refresh', () => {
  it('of somebody whose record has ended is refused: authorizeUser cannot be asked (CWE-636)', async () => {
    const confirm = createUserConfirmation(
      { kind: 'dev' },
      {
        identities: createIdentities(memoryStorage(), 1_000),
        sessions: {} as never,
        policy: async () => ({ kind: 'allowed' }),
        alwaysSlides: false,
        extendGrant: async () => undefined,
      },
    );
    const issuer = parseIssuer('https://mcp.example.com') as Issuer;
    const request = {
      grantId: 'grant',
      accountId: 'nobody',
      client: { id: 'client' },
      resource: `${issuer.identifier}/mcp`,
    };

    expect(await confirm(issuer, request)).toEqual({ kind: 'refused', reason: 'the record of the user has ended' });
  });
});
