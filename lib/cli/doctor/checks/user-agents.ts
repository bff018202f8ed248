import type { Check } from '../check.ts';
import { userAgents } from '../clients.ts';
import { type Deployment, initializeRequest } from '../deployment.ts';

/** Whether something in front refuses programs. */
export const blockedUserAgents: Check<Deployment> = {
  id: 'user-agents',
  severity: 'error',
  looksAt: 'The MCP endpoint and the resource metadata answer the same to the User-Agents of known clients.',
  hurts: 'Claude, ChatGPT and everything on python-httpx: a bot rule in front answers them 403 or a challenge page.',
  mend: 'Except the MCP endpoint, `/.well-known/*` and `/oauth/*` from bot rules of the firewall or CDN.',
  run: async ({ probe, endpoint, challenge, resourceMetadata }) => {
    const url = endpoint().href;
    const usual = (await challenge()).status;
    const { url: metadataUrl, status: usualMetadata } = await resourceMetadata();
    const problems: string[] = [];
    for (const agent of userAgents) {
      const headers = { 'user-agent': agent };
      const { status } = await probe.send(url, {
        ...initializeRequest,
        headers: { ...initializeRequest.headers, ...headers },
      });
      if (status !== usual) problems.push(`${url} answers ${status} to ${agent}, and ${usual} to others`);
      const metadata = await probe.send(metadataUrl, { headers });
      if (metadata.status !== usualMetadata)
        problems.push(`${metadataUrl} answers ${metadata.status} to ${agent}, and ${usualMetadata} to others`);
    }
    return problems;
  },
};
