import { type Check, Missing } from '../check.ts';
import { namedDocuments } from '../clients.ts';
import type { Deployment } from '../deployment.ts';
import type { Probe } from '../probe.ts';

/** The redirect URI to use with a document: the first that it lists. */
async function documentOf(url: string, probe: Probe): Promise<{ url: string; redirectUri: string }> {
  const uris = (await probe.send(url)).json?.redirect_uris;
  const [first] = Array.isArray(uris) ? uris : [];
  if (typeof first !== 'string') throw new Missing(`${url} lists no redirect URI`);
  return { url, redirectUri: first };
}

/** The words of a page, for people. */
function textOf(html: string): string {
  return html
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

/** Whether the deployment can fetch what clients publish. */
export const cimdFetch: Check<Deployment> = {
  id: 'cimd-fetch',
  severity: 'error',
  looksAt:
    'The deployment fetches the metadata documents of known clients (`--client-document` names others) and shows its page.',
  hurts:
    'Claude, Claude Code, VS Code, ChatGPT, Codex and Zed, which identify by a document: the browser shows an error.',
  mend: 'Allow outgoing https from the server. Where a host answers 403 to data centres, give the document in `cimd.pinned`.',
  run: async ({ authorization, serverDocument, probe, options }) => {
    if ((await serverDocument()).client_id_metadata_document_supported !== true)
      return { skipped: 'metadata documents are off' };
    const named = options.clientDocuments;
    const documents = named.length > 0 ? await Promise.all(named.map((url) => documentOf(url, probe))) : namedDocuments;
    const problems: string[] = [];
    for (const { url, redirectUri } of documents) {
      const { answer, leftTo } = await authorization.request({ client_id: url, redirect_uri: redirectUri });
      if (leftTo === undefined && answer.status !== 200)
        problems.push(`${url} is answered ${answer.status}: ${textOf(answer.text)}`);
    }
    return problems;
  },
};
