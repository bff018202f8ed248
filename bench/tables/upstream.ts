import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerMcp } from '../variants/mcp-answer.ts';

/** The MCP server behind a gateway, on the load generator's core: reads the body and answers with few bytes. */
export async function startUpstream(): Promise<{ readonly origin: string; readonly close: () => Promise<void> }> {
  const server = createServer({ keepAliveTimeout: 600_000 }, (req, res) => {
    req.resume().once('end', () => answerMcp(req, res));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
