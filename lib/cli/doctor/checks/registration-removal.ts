import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether clients can be removed where that is offered. Runs last of those that register. */
export const registrationRemoval: Check<Deployment> = {
  id: 'registration-removal',
  severity: 'error',
  looksAt:
    'Where a registration answer offers `registration_client_uri`, DELETE there removes the client (RFC 7592 section 2.3).',
  hurts: 'Clients that tidy up after themselves, and you: rows of clients that nobody uses stay.',
  mend: 'Serve the endpoint, or do not offer it. This library offers none: registrations that are never used end after a day.',
  run: async ({ registrations, serverDocument }) => {
    const { registration_endpoint: endpoint } = await serverDocument();
    if (endpoint === undefined) return { skipped: 'the server registers nobody' };
    const all = await registrations.all();
    if (!all.some(({ answer }) => answer.json?.registration_client_uri !== undefined))
      return { skipped: 'the server offers no removal' };
    return (await registrations.remove()).problems;
  },
};
