import { afterAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';

/** An app that was there before: its own routes, parsers and catch-all stay its own. */
function existingApp() {
  const app = express();
  const auth = mcpOAuth({
    issuer: 'https://mcp.example.com',
    oidc: { issuer: 'https://idp.example.com' },
    browserLogin: { clientId: 'gateway', clientSecret: 'secret' },
    storage: memoryStorage(),
    secret: 'a secret of the tests, long enough for everyone',
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({ reached: true }));
  app.use(express.json());
  app.post('/api/echo', (req, res) => void res.json(req.body));
  app.get('/.well-known/security.txt', (_req, res) => void res.type('text').send('Contact: me'));
  app.get('/.well-known/oauth-protected-resource/other', (_req, res) => void res.json({ resource: 'mine' }));
  app.use((_req, res) => void res.type('html').send('<h1>the single-page application</h1>'));
  return { app, auth };
}

describe('in an existing Express app', () => {
  const { app, auth } = existingApp();
  const host = 'mcp.example.com';
  afterAll(() => auth.close());

  it('answers metadata as JSON, ahead of the catch-all (RFC 8414 section 3.2, RFC 9728 section 3.2)', async () => {
    const server = await request(app).get('/.well-known/oauth-authorization-server').set('Host', host);
    expect(server.status).toBe(200);
    expect(server.type).toBe('application/json');
    expect(server.body).toMatchObject({
      issuer: 'https://mcp.example.com',
      code_challenge_methods_supported: ['S256'],
    });
    const resource = await request(app).get('/.well-known/oauth-protected-resource/mcp').set('Host', host);
    expect(resource.body.authorization_servers).toEqual(['https://mcp.example.com']);
  });

  it('leaves every other path to the app, other well-known ones too', async () => {
    expect((await request(app).post('/api/echo').set('Host', host).send({ a: 1 })).body).toEqual({ a: 1 });
    expect((await request(app).get('/.well-known/security.txt').set('Host', host)).text).toBe('Contact: me');
    const foreign = await request(app).get('/.well-known/oauth-protected-resource/other').set('Host', host);
    expect(foreign.body).toEqual({ resource: 'mine' });
    expect((await request(app).get('/somewhere').set('Host', host)).text).toContain('single-page');
  });

  it('refuses the MCP route without a token, with the way to one (RFC 9728 section 5.1)', async () => {
    const answer = await request(app)
      .post('/mcp')
      .set('Host', host)
      .send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain(
      'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    );
    expect(answer.body).not.toHaveProperty('reached');
  });
});
