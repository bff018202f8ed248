import { createServer } from 'node:http';
import middie from '@fastify/middie';
import Fastify from 'fastify';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';

/** A Fastify app with a route of its own and a protected MCP server. @param port 0 takes a free one */
export async function startApp(port = 0): Promise<Running> {
  const server = createServer();
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
  });

  const fastify = Fastify({ serverFactory: (handler) => server.on('request', handler) });
  await fastify.register(middie);
  fastify.use(auth);
  fastify.use(auth.authenticate('/mcp'));

  fastify.get('/', async () => ({ hello: 'Fastify' }));
  const mcp = greeterHandler();
  await fastify.register(async (scope) => {
    // The MCP server reads its bodies itself: parsers of other routes stay as they are.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.all('/mcp', (request, reply) => {
      reply.hijack();
      mcp(request.raw, reply.raw);
    });
  });
  await fastify.ready();

  return {
    url,
    async close() {
      await auth.close();
      await close(server);
      await fastify.close();
    },
  };
}
