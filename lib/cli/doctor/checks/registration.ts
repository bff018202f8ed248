import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether every known client can register. */
export const registration: Check<Deployment> = {
  id: 'registration',
  severity: 'error',
  looksAt:
    'Each known client registers with its own redirect URIs and gets a client id (RFC 7591 section 3.2.1). What was registered is removed where the server offers that.',
  hurts:
    'The client that the line names: it cannot connect at all. Cursor, Copilot Studio, Gemini CLI, Windsurf and LibreChat have no other way.',
  mend: 'Allow loopback redirects on any port, `cursor://` and the https callbacks of hosted clients: see `registration` and docs/clients.md. With `initialAccessToken`, start doctor with --initial-access-token-file.',
  run: async ({ registrations, serverDocument }) => {
    const { registration_endpoint: endpoint } = await serverDocument();
    if (endpoint === undefined) return { skipped: 'the server registers nobody' };
    const all = await registrations.all();
    return all
      .filter(({ clientId, answer }) => clientId === undefined || answer.status !== 201)
      .map(({ client, answer }) => {
        const { error, error_description: description } = answer.json ?? {};
        const said = [error, description].filter((text) => typeof text === 'string').join(': ');
        return `${client.name} is answered ${answer.status}${said === '' ? '' : ` (${said})`}`;
      });
  },
};
