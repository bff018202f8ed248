import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether metadata documents are advertised. */
export const cimdFlag: Check<Deployment> = {
  id: 'cimd-flag',
  severity: 'warning',
  looksAt: '`client_id_metadata_document_supported` is the boolean `true`.',
  hurts:
    'Claude, ChatGPT, VS Code, Codex and Zed then register anew, some at every connection, and each registration is a row in the store.',
  mend: 'Leave `gateway.cimdEnabled` on. It must be a JSON boolean: a text is ignored.',
  run: async ({ serverDocument }) => {
    const { client_id_metadata_document_supported: flag } = await serverDocument();
    if (flag === true) return [];
    return [
      flag === undefined || flag === false
        ? 'metadata documents are off'
        : `client_id_metadata_document_supported is a ${typeof flag}`,
    ];
  },
};
