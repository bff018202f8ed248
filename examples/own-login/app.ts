import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session from 'express-session';
import { type McpOAuth, mcpOAuth, memoryStorage, sqliteStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';

declare module 'express-session' {
  interface SessionData {
    user: { id: string; name: string; roles: string[]; signedInAt: number };
  }
}

/** Stands for the app's users; passwords belong into a database, hashed. */
const users: Readonly<Record<string, { password: string; name: string; roles: string[] }>> = {
  ada: { password: 'analytical', name: 'Ada Lovelace', roles: ['editor'] },
  alan: { password: 'enigma', name: 'Alan Turing', roles: [] },
};

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
/** Only paths of this app: anything else would let a link send people elsewhere after their sign-in. */
const ownPath = (value: unknown) => (typeof value === 'string' && /^\/(?![/\\])/.test(value) ? value : '/');

/** An app that has its own users and sign-in, and now an MCP server behind the same. */
export async function startApp({
  port = 0,
  databasePath,
}: {
  port?: number;
  databasePath?: string;
} = {}): Promise<{ url: string; auth: McpOAuth; close(): Promise<void> }> {
  const app = express();
  const server = createServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  // The app as it was. `secure: true` on https; the store of express-session is for trying things only.
  const secret = process.env.SESSION_SECRET ?? 'a secret of this example, not of yours';
  app.use(session({ secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax', httpOnly: true } }));
  app.get('/login', (req, res) => {
    const returnTo = escapeHtml(ownPath(req.query.returnTo));
    res.send(`<!doctype html><title>Sign in</title><form method="post" action="/login"><input type="hidden" name="returnTo" value="${returnTo}">
<label>Name <input name="name"></label> <label>Password <input name="password" type="password"></label> <button>Sign in</button></form>`);
  });
  app.post('/login', express.urlencoded({ extended: false }), (req, res, next) => {
    const { name = '', password, returnTo } = req.body as Record<string, string>;
    const user = Object.hasOwn(users, name) ? users[name] : undefined;
    if (!user || user.password !== password) return void res.status(401).send('Wrong name or password.');
    // A new session id at sign-in: one that somebody else knows must not become this user's.
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = { id: name, name: user.name, roles: user.roles, signedInAt: Math.floor(Date.now() / 1000) };
      res.redirect(303, ownPath(returnTo));
    });
  });
  app.post('/logout', (req, res) => void req.session.destroy(() => res.redirect(303, '/')));

  // What is new.
  const auth = mcpOAuth({
    issuer: url,
    secret: process.env.MCP_OAUTH_SECRET ?? 'another secret of this example, not of yours',
    storage: databasePath === undefined ? memoryStorage() : sqliteStorage(databasePath),
    login: {
      url: '/login',
      authenticate: async (req) => {
        const { user } = (req as express.Request).session;
        return user && { sub: user.id, roles: user.roles, claims: { name: user.name }, authTime: user.signedInAt };
      },
      onLogout: (req) => new Promise((resolve) => (req as express.Request).session.destroy(() => resolve())),
    },
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), greeterHandler());

  return {
    url,
    auth,
    async close() {
      await auth.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
