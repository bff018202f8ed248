const { once } = require('node:events');
const { createServer } = require('node:http');

/** Starts an app on the installed package and prints what two requests were answered. */
module.exports = async function serve(express, { mcpOAuth, memoryStorage }) {
  const app = express();
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const auth = mcpOAuth({
    issuer,
    browserLogin: { url: `${issuer}/oauth/dev-login` },
    storage: memoryStorage(),
    secret: 'a secret of the package test, long enough',
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.end('never without a token'));

  const metadata = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const resource = await fetch(`${issuer}/mcp`, { method: 'POST' });
  const answer = {
    metadata: metadata.status,
    isIssuer: (await metadata.json()).issuer === issuer,
    resource: resource.status,
  };
  await auth.close();
  server.closeAllConnections();
  server.close();
  process.stdout.write(JSON.stringify(answer));
};
