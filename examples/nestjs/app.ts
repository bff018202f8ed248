import 'reflect-metadata';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { All, Controller, Get, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';

const mcp = greeterHandler();

class HelloController {
  hello() {
    return { hello: 'Nest' };
  }
}

class McpController {
  handle(req: IncomingMessage, res: ServerResponse) {
    mcp(req, res);
  }
}

class AppModule {}

// Decorators as calls, since Node runs this file as it is; the README has them as you would write them.
const decorate = (type: { prototype: object }, method: string, decorator: MethodDecorator) =>
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method) as PropertyDescriptor);
decorate(HelloController, 'hello', Get());
Controller()(HelloController);
decorate(McpController, 'handle', All());
Req()(McpController.prototype, 'handle', 0);
Res()(McpController.prototype, 'handle', 1);
Controller('mcp')(McpController);
Module({ controllers: [HelloController, McpController] })(AppModule);

/** A Nest application with a controller of its own and one for MCP. @param port 0 takes a free one */
export async function startApp(port = 0): Promise<Running> {
  const platform = express();
  const server = createServer(platform);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
  });

  const app = await NestFactory.create(AppModule, new ExpressAdapter(platform), { logger: false, abortOnError: false });
  app.use(auth);
  app.use(auth.authenticate('/mcp'));
  await app.init();

  return {
    url,
    async close() {
      await auth.close();
      await app.close();
      if (server.listening) await close(server);
    },
  };
}
