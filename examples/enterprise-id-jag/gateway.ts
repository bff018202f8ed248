/** The MCP server of a department, with its own authorization server, which trusts the company's identity provider. */
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { type Logger, type McpOAuth, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { listen } from './listen.ts';

/** What the MCP server is to the company's identity provider. */
export const gatewayAtCompany = { clientId: 'gateway', clientSecret: 'the gateway at the company' };

export interface Gateway {
  readonly url: string;
  readonly auth: McpOAuth;
  close(): Promise<void>;
}

export interface GatewaySettings {
  /** Issuer of the company's identity provider. */
  readonly company: string;
  readonly agent: { readonly clientId: string; readonly clientSecret: string };
  readonly port?: number;
  readonly logger?: Logger;
}

export async function startGateway({ company, agent, port = 0, logger }: GatewaySettings): Promise<Gateway> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);

  const auth = mcpOAuth({
    issuer: url,
    // People with a browser sign in at the same place.
    oidc: { issuer: company },
    browserLogin: gatewayAtCompany,
    // Agents come with an assertion of it, and with credentials of their own.
    clients: [
      {
        client_id: agent.clientId,
        client_secret: agent.clientSecret,
        grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
      },
    ],
    idJag: {
      trustedIssuers: [
        { issuer: company, clients: { [agent.clientId]: agent.clientId }, allowedScopes: ['mcp:tools'] },
      ],
    },
    storage: memoryStorage(),
    ...(logger && { logger }),
  });
  app.use(auth);
  const handler = toNodeHandler(createMcpHandler(createPayroll));
  app.all('/mcp', auth.authenticate('/mcp', { displayName: 'Payroll' }), (req, res) => {
    handler(req as Parameters<typeof handler>[0], res).catch(() => res.destroy());
  });

  return {
    url,
    auth,
    async close() {
      await auth.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function createPayroll(): McpServer {
  const server = new McpServer({ name: 'payroll', version: '1.0.0' });
  server.registerTool('payslip', { description: 'Your last payslip' }, async (ctx) => {
    const { clientId, extra } = ctx.http?.authInfo ?? {};
    return { content: [{ type: 'text', text: `payslip of ${extra?.sub}, asked for by ${clientId}` }] };
  });
  return server;
}
