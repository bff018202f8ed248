import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import type { Answer } from '../probe.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };

function problemOf(what: string, { status, json, headers }: Answer, statuses: readonly number[], error: string) {
  if (!statuses.includes(status)) return `${what} is answered ${status} instead of ${statuses.join(' or ')}`;
  if (json?.error !== error) return `${what} is answered with error ${String(json?.error)} instead of ${error}`;
  return /\bno-store\b/.test(headers['cache-control'] ?? '') ? undefined : `the answer to ${what} may be cached`;
}

/** Whether the token endpoint says what is wrong. */
export const tokenErrors: Check<Deployment> = {
  id: 'token-errors',
  severity: 'error',
  looksAt:
    'The token endpoint answers JSON: 401 or 400 `invalid_client` to an unknown client, 400 `invalid_grant` to an unknown code (RFC 6749 section 5.2).',
  hurts:
    'Claude and the MCP SDKs register anew only at `invalid_client`, and sign in anew only at `invalid_grant`; at anything else they are stuck.',
  mend: 'Let no proxy replace answers with status 4xx, and let no body parser run before `auth`.',
  run: async ({ probe, registrations, serverEndpoint }) => {
    const url = await serverEndpoint('token_endpoint');
    const redeem = (clientId: string, redirectUri: string) =>
      probe.send(url, {
        method: 'POST',
        headers: form,
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          client_id: clientId,
          code: 'doctor-code-that-nobody-issued',
          redirect_uri: redirectUri,
          code_verifier: 'doctor-verifier-of-no-request-of-at-least-43-characters',
        }).toString(),
      });
    const problems = [
      problemOf(
        'an unknown client',
        await redeem('doctor-unknown-client', 'http://127.0.0.1/callback'),
        [400, 401],
        'invalid_client',
      ),
    ];
    const known = (await registrations.all()).find(
      ({ clientId, client }) => clientId !== undefined && client.method === 'none',
    );
    if (known?.clientId !== undefined)
      problems.push(
        problemOf(
          'an unknown code',
          await redeem(known.clientId, known.client.redirectUris[0] ?? ''),
          [400],
          'invalid_grant',
        ),
      );
    return problems.filter((problem) => problem !== undefined);
  },
};
