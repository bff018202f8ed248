import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

function hint(expected: string, named: string): string {
  if (named.replace(/\/$/, '') === expected.replace(/\/$/, '')) return ' (a slash at the end)';
  if (named.replace(/^https?:/, '') === expected.replace(/^https?:/, '')) return ' (http and https: see trust proxy)';
  return named.includes('{tenantid}') ? ' (a placeholder of Microsoft Entra)' : '';
}

/** Whether the issuer is one string everywhere. */
export const issuerMismatch: Check<Deployment> = {
  id: 'issuer-mismatch',
  severity: 'error',
  looksAt:
    '`issuer` of the server metadata is the entry of `authorization_servers`, byte for byte (RFC 8414 section 3.3).',
  hurts:
    'Zed, opencode, Codex, Goose and current MCP SDKs compare the strings and refuse; others fail later, at `iss`.',
  mend: 'Set `issuer` without a slash at the end, and let nothing rewrite the documents on their way.',
  run: async ({ issuer, serverDocument }) => {
    const { issuer: named } = await serverDocument();
    const expected = await issuer();
    return named === expected
      ? []
      : [`issuer is ${String(named)}, the resource names ${expected}${hint(expected, String(named))}`];
  },
};
