import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

function hint(typed: string, named: string): string {
  if (named.replace(/\/$/, '') === typed.replace(/\/$/, '')) return ' (a slash at the end)';
  return named.replace(/^https?:/, '') === typed.replace(/^https?:/, '') ? ' (http and https)' : '';
}

/** Whether the resource is the URL that people type. */
export const resourceMismatch: Check<Deployment> = {
  id: 'resource-mismatch',
  severity: 'error',
  looksAt: '`resource` of the metadata is the URL that was typed, byte for byte (RFC 9728 section 3.3).',
  hurts: 'Claude, Grok and the MCP SDKs compare it, and refuse to sign in, or ask for a token that fits nothing.',
  mend: 'Set `issuer` to the public origin, and hand out exactly the URL that `resource` says.',
  run: async ({ endpoint, resourceDocument, options }) => {
    endpoint();
    const { resource } = await resourceDocument();
    if (resource === options.url) return [];
    return [
      `resource is ${String(resource)}, the URL that was typed is ${options.url}${hint(options.url, String(resource))}`,
    ];
  },
};
