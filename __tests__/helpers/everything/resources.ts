import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { PNG_BASE64 } from './context.ts';

export function registerResources(server: McpServer): void {
  const texts = {
    'test://static-text': 'This is the content of the static text resource.',
    'test://watched-resource': 'A resource to subscribe to.',
  };
  for (const [uri, text] of Object.entries(texts)) {
    const metadata = { description: `The text at ${uri}`, mimeType: 'text/plain' };
    server.registerResource(uri.slice('test://'.length), uri, metadata, () => ({
      contents: [{ uri, mimeType: 'text/plain', text }],
    }));
  }
  server.registerResource(
    'static-binary',
    'test://static-binary',
    { description: 'A one-pixel image', mimeType: 'image/png' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'image/png', blob: PNG_BASE64 }] }),
  );
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'JSON made from the id in the URI', mimeType: 'application/json' },
    (uri, { id }) => ({
      contents: [
        {
          uri: uri.href,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
        },
      ],
    }),
  );

  // Subscriptions of the 2025 revisions. 2026-07-28 has `subscriptions/listen`, which createMcpHandler serves itself.
  const subscribed = new Set<string>();
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    subscribed.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
