import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import type { Registration } from '../registrations.ts';

function problemOf({ client, answer }: Registration): string | undefined {
  const { json = {}, headers } = answer;
  const nulls = Object.keys(json).filter((name) => json[name] === null);
  if (nulls.length > 0) return `${client.name} gets null as ${nulls.join(', ')}`;
  const uris = Array.isArray(json.redirect_uris) ? json.redirect_uris : [];
  const lost = client.redirectUris.filter((uri) => !uris.includes(uri));
  if (lost.length > 0) return `${client.name} does not get back ${lost.join(', ')}`;
  if (json.token_endpoint_auth_method !== client.method)
    return `${client.name} asked for ${client.method} and got ${String(json.token_endpoint_auth_method)}`;
  if (client.method === 'none' && json.client_secret !== undefined) return `${client.name} is public and got a secret`;
  if (client.method !== 'none' && typeof json.client_secret !== 'string')
    return `${client.name} asked for a secret and got none`;
  return /\bno-store\b/.test(headers['cache-control'] ?? '') ? undefined : `the answer to ${client.name} may be cached`;
}

/** Whether clients can read what they got. */
export const registrationAnswer: Check<Deployment> = {
  id: 'registration-answer',
  severity: 'error',
  looksAt:
    'The answer to a registration repeats the redirect URIs and the authentication method, has a secret exactly where one was asked for, no null, and is not cached.',
  hurts:
    'MCP SDK clients and everything with a schema fail at null; a public client with a secret is refused at the token endpoint later.',
  mend: 'Let nothing rewrite the answer. In a server of your own, leave members out instead of null, and grant what was asked for.',
  run: async ({ registrations }) => {
    const granted = (await registrations.all()).filter(({ clientId }) => clientId !== undefined);
    if (granted.length === 0) throw new Missing('no client could be registered');
    return granted.map(problemOf).filter((problem) => problem !== undefined);
  },
};
