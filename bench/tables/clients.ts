import { startDocumentHost } from '../../__tests__/clients/document-host.ts';
import type { Subject, Table } from '../harness/table.ts';
import { authorizing, type DocumentClients } from './authorizing.ts';
import { registering } from './operations.ts';

const redirectUri = 'http://127.0.0.1/callback';
/** Below the budget of fetches from one host, 60 in a minute. */
const perHost = 50;
const hosts = Array.from({ length: 5 }, (_, index) => `clients-${index}.test`);

/** Registration and authorization, ours beside bare oidc-provider. */
export async function clients(): Promise<Table> {
  const host = await startDocumentHost(hosts);
  const clientIds = hosts.flatMap((name) =>
    Array.from({ length: perHost }, (_, index) => {
      const clientId = host.at(`https://${name}/client-${index}.json`);
      const document = {
        client_id: clientId,
        client_name: 'Bench Client',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
      };
      host.serve(clientId, document, { 'cache-control': 'max-age=86400' });
      return clientId;
    }),
  );
  const few: DocumentClients = { clientIds: clientIds.slice(0, 10), redirectUri };
  const many: DocumentClients = { clientIds, redirectUri };
  const pair = (prepare: Subject['prepare'], target?: number): Subject[] => [
    { name: 'bare oidc-provider', server: 'bare', prepare },
    { name: 'ours', server: 'ours', prepare, ...(target !== undefined && { target }) },
  ];
  const settings = { ca: [host.outbound.ca].flat().join('\n') };
  return {
    title: 'Clients: registration and authorization',
    notes: [
      'Bare oidc-provider has the same features on, a Map as its adapter and the smallest approval page, on Express as ours.',
      'Authorization: from `GET /oauth/authorize` by a client with a metadata document to the approval page, two requests, in a browser without a session.',
      'Ten clients fit the 100 documents that oidc-provider remembers; of 250 in rotation bare fetches each again, ours reads them from storage.',
    ],
    servers: { bare: { variant: 'bare-provider', settings }, ours: { variant: 'gateway', settings } },
    comparisons: [
      { operation: 'Dynamic registration', subjects: pair(registering, 1.25) },
      { operation: 'Authorization by metadata document, 10 clients', subjects: pair(authorizing(few), 1.25) },
      { operation: 'Authorization by metadata document, 250 clients', subjects: pair(authorizing(many)) },
    ],
    close: () => host.close(),
  };
}
