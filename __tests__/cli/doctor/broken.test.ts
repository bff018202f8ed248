import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { deploymentChecks } from '../../../lib/cli/doctor/checks.ts';
import type { DeploymentOptions } from '../../../lib/cli/doctor/deployment.ts';
import { type Breakage, changeJson, type Reply } from './broken-front.ts';
import { idsOf, type SoundDeployment, startDeployment } from './deployment.ts';

let deployment: SoundDeployment;
let accessToken: string;
beforeAll(async () => {
  deployment = await startDeployment();
  accessToken = await deployment.accessToken();
});
afterAll(() => deployment.close());
beforeEach(() => {
  deployment.front.breakage = {};
});

const serverDocument = /\/\.well-known\/(oauth-authorization-server|openid-configuration)/;
const resourceDocument = /\/\.well-known\/oauth-protected-resource/;
const webPage: Partial<Reply> = { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>App</title>' };

const server = (change: (document: Record<string, unknown>) => void) => changeJson(serverDocument, change);
const resource = (change: (document: Record<string, unknown>) => void) => changeJson(resourceDocument, change);
const registrationAnswer = (change: (document: Record<string, unknown>) => void) => changeJson(/\/register$/, change);

/** Changes the answers to some requests of the MCP endpoint. */
const endpoint = (change: (reply: Reply) => void, methods = /./): Breakage => ({
  change(reply, { path, method }) {
    if (path === '/mcp' && methods.test(method)) change(reply);
  },
});
const changeChallenge = (change: (challenge: string) => string) =>
  endpoint((reply) => {
    if (typeof reply.headers['www-authenticate'] === 'string')
      reply.headers['www-authenticate'] = change(reply.headers['www-authenticate']);
  });
const without = (name: string) => (reply: Reply) => delete reply.headers[name];
const page = (change: (reply: Reply) => void): Breakage => ({
  change(reply, { path }) {
    if (path.startsWith('/oauth/interaction/') && reply.status === 200) change(reply);
  },
});
const parse = (body: string) => JSON.parse(body) as Record<string, unknown>;

interface BrokenCase {
  readonly id: string;
  readonly how: string;
  readonly breakage?: Breakage;
  readonly options?: Partial<DeploymentOptions>;
  /** What the finding says. */
  readonly says: RegExp | string;
}

const cases: readonly BrokenCase[] = [
  {
    id: 'challenge',
    how: 'the endpoint is open',
    breakage: { answer: ({ path, method }) => (path === '/mcp' && method === 'POST' ? { body: '{}' } : undefined) },
    says: 'POST without a token answers 200: the endpoint is open to everybody',
  },
  {
    id: 'challenge',
    how: 'a redirect is in front',
    breakage: {
      answer: ({ path }) => (path === '/mcp' ? { status: 307, headers: { location: '/mcp/' } } : undefined),
    },
    says: 'POST without a token is redirected to /mcp/ instead of answered 401',
  },
  {
    id: 'challenge',
    how: 'the challenge is lost',
    breakage: endpoint(without('www-authenticate'), /POST/),
    says: 'POST without a token answers 401 without a Bearer challenge',
  },
  {
    id: 'challenge-methods',
    how: 'only POST is mounted',
    breakage: { answer: ({ path, method }) => (path === '/mcp' && method === 'GET' ? { status: 405 } : undefined) },
    says: 'GET without a token answers 405 instead of 401',
  },
  {
    id: 'challenge-resource-metadata',
    how: 'the parameter is lost',
    breakage: changeChallenge((challenge) => challenge.replace(/,? *resource_metadata="[^"]*"/, '')),
    says: 'the challenge has no resource_metadata',
  },
  {
    id: 'challenge-resource-metadata',
    how: 'it names an internal host',
    breakage: changeChallenge((challenge) => challenge.replace(/http:\/\/127\.0\.0\.1:\d+/, 'http://app:3000')),
    says: /^resource_metadata is at http:\/\/app:3000, the endpoint at /,
  },
  {
    id: 'challenge-scope',
    how: 'the scope is lost',
    breakage: changeChallenge((challenge) => challenge.replace(/scope="[^"]*",? */, '')),
    says: 'the challenge has no scope',
  },
  {
    id: 'invalid-token',
    how: 'something in front refuses tokens with 403',
    breakage: {
      answer: ({ path, headers }) => (path === '/mcp' && headers.authorization ? { status: 403 } : undefined),
    },
    says: 'POST with an invalid token answers 403 instead of 401',
  },
  {
    id: 'invalid-token',
    how: 'the error is lost',
    breakage: changeChallenge((challenge) => challenge.replace('error="invalid_token", ', '')),
    says: 'the challenge for an invalid token has error none instead of invalid_token',
  },
  {
    id: 'user-agents',
    how: 'a bot rule refuses a program',
    breakage: {
      answer: ({ headers }) => (/python-httpx/.test(headers['user-agent'] ?? '') ? { status: 403 } : undefined),
    },
    says: /\/mcp answers 403 to python-httpx\/0\.28\.1, and 401 to others$/,
  },
  {
    id: 'clock-skew',
    how: 'the clock is ahead',
    breakage: endpoint((reply) => {
      reply.headers.date = new Date(Date.now() + 600_000).toUTCString();
    }),
    says: /^its clock is \d{3} seconds ahead of this one$/,
  },
  {
    id: 'resource-metadata',
    how: 'a single-page application answers',
    breakage: { answer: ({ path }) => (path === '/.well-known/oauth-protected-resource/mcp' ? webPage : undefined) },
    says: /answers a web page instead of JSON/,
  },
  {
    id: 'resource-metadata',
    how: 'it is nowhere',
    breakage: { answer: ({ path }) => (resourceDocument.test(path) ? { status: 404 } : undefined) },
    says: /oauth-protected-resource\/mcp answers 404 instead of 200$/,
  },
  {
    id: 'resource-mismatch',
    how: 'a slash is added',
    breakage: resource((document) => {
      document.resource = `${String(document.resource)}/`;
    }),
    says: /\(a slash at the end\)$/,
  },
  {
    id: 'authorization-servers',
    how: 'there is none',
    breakage: resource((document) => {
      document.authorization_servers = [];
    }),
    says: 'the resource metadata has no authorization_servers',
  },
  {
    id: 'resource-scopes',
    how: 'offline_access is among them',
    breakage: resource((document) => {
      document.scopes_supported = ['mcp:tools', 'offline_access'];
    }),
    says: 'scopes_supported of the resource has offline_access',
  },
  {
    id: 'server-metadata',
    how: 'a single-page application answers',
    breakage: { answer: ({ path }) => (path === '/.well-known/oauth-authorization-server' ? webPage : undefined) },
    says: /answers a web page instead of JSON/,
  },
  {
    id: 'server-metadata',
    how: 'the content type is another one',
    breakage: {
      change(reply, { path }) {
        if (path === '/.well-known/oauth-authorization-server') reply.headers['content-type'] = 'text/plain';
      },
    },
    says: /answers text\/plain instead of application\/json$/,
  },
  {
    id: 'server-metadata-forms',
    how: 'one form is missing',
    breakage: {
      answer: ({ path }) => (path === '/mcp/.well-known/openid-configuration' ? { status: 404 } : undefined),
    },
    says: /\/mcp\/\.well-known\/openid-configuration answers 404 instead of 200$/,
  },
  {
    id: 'issuer-mismatch',
    how: 'a slash is added',
    breakage: server((document) => {
      document.issuer = `${String(document.issuer)}/`;
    }),
    says: /\(a slash at the end\)$/,
  },
  {
    id: 'endpoint-urls',
    how: 'an endpoint has the inner scheme and host',
    breakage: server((document) => {
      document.token_endpoint = 'http://app:3000/oauth/token';
    }),
    says: /^token_endpoint is http:\/\/app:3000\/oauth\/token, the issuer is at /,
  },
  {
    id: 'forwarded-headers',
    how: 'the metadata follows the header',
    breakage: {
      change(reply, { path, headers }) {
        const host = headers['x-forwarded-host'];
        if (serverDocument.test(path) && typeof host === 'string')
          reply.body = reply.body.replaceAll(deployment.front.origin, `https://${host}`);
      },
    },
    says: /names the host of a stranger’s X-Forwarded-Host$/,
  },
  {
    id: 'pkce-s256',
    how: 'S256 is not listed',
    breakage: server((document) => {
      document.code_challenge_methods_supported = ['plain'];
    }),
    says: 'code_challenge_methods_supported does not list S256',
  },
  {
    id: 'public-clients',
    how: 'none is not listed',
    breakage: server((document) => {
      document.token_endpoint_auth_methods_supported = ['client_secret_post'];
    }),
    says: 'token_endpoint_auth_methods_supported does not list none',
  },
  {
    id: 'cimd-flag',
    how: 'the flag is a text',
    breakage: server((document) => {
      document.client_id_metadata_document_supported = 'true';
    }),
    says: 'client_id_metadata_document_supported is a string',
  },
  {
    id: 'code-flow',
    how: 'the refresh grant is not listed',
    breakage: server((document) => {
      document.grant_types_supported = ['authorization_code'];
    }),
    says: 'grant_types_supported does not list refresh_token',
  },
  {
    id: 'offline-access',
    how: 'it is not listed',
    breakage: server((document) => {
      document.scopes_supported = ['mcp:tools'];
    }),
    says: 'scopes_supported of the server does not list offline_access',
  },
  {
    id: 'jwks',
    how: 'a private key is published',
    breakage: changeJson(/\/jwks$/, (document) => {
      document.keys = [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }];
    }),
    says: /publishes a private key$/,
  },
  {
    id: 'cors-metadata',
    how: 'the header is lost',
    breakage: {
      change(reply, { path }) {
        if (resourceDocument.test(path)) delete reply.headers['access-control-allow-origin'];
      },
    },
    says: /oauth-protected-resource\/mcp does not let a page read it$/,
  },
  {
    id: 'cors-preflight',
    how: 'OPTIONS is asked for a token',
    breakage: { answer: ({ path, method }) => (path === '/mcp' && method === 'OPTIONS' ? { status: 401 } : undefined) },
    says: /^the preflight of .*\/mcp is answered 401$/,
  },
  {
    id: 'cors-preflight',
    how: 'a header of clients is not allowed',
    breakage: endpoint((reply) => {
      reply.headers['access-control-allow-headers'] = 'Content-Type, Authorization, Mcp-Session-Id, Last-Event-ID';
    }, /OPTIONS/),
    says: /does not allow mcp-protocol-version$/,
  },
  {
    id: 'cors-preflight',
    how: 'the page of --web-origin is not allowed',
    options: { webOrigin: 'https://inspector.example' },
    says: /^the preflight of .*\/mcp is answered 403$/,
  },
  {
    id: 'cors-exposed-headers',
    how: 'the challenge is not exposed',
    breakage: endpoint((reply) => {
      reply.headers['access-control-expose-headers'] = 'Mcp-Session-Id';
    }),
    says: 'the 401 does not expose www-authenticate',
  },
  {
    id: 'cors-credentials',
    how: 'the app’s CORS allows cookies',
    breakage: {
      change(reply, { path, headers }) {
        if (path !== '/oauth/authorize' || headers.origin === undefined) return;
        reply.headers['access-control-allow-origin'] = headers.origin;
        reply.headers['access-control-allow-credentials'] = 'true';
      },
    },
    says: /\/oauth\/authorize lets a page send cookies$/,
  },
  {
    id: 'registration',
    how: 'custom schemes are refused',
    breakage: {
      answer: ({ path, body }) =>
        path === '/oauth/register' && body.includes('cursor://')
          ? { status: 400, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_redirect_uri"}' }
          : undefined,
    },
    says: 'Cursor is answered 400 (invalid_redirect_uri)',
  },
  {
    id: 'registration-answer',
    how: 'there is a null',
    breakage: registrationAnswer((document) => {
      document.client_uri = null;
    }),
    says: 'Claude Code gets null as client_uri',
  },
  {
    id: 'registration-answer',
    how: 'a public client gets a secret',
    breakage: registrationAnswer((document) => {
      document.client_secret = 'a secret that nobody asked for';
    }),
    says: 'Claude Code is public and got a secret',
  },
  {
    id: 'registration-tolerance',
    how: 'an unknown scope is refused',
    breakage: {
      answer: ({ path, body }) =>
        path === '/oauth/register' && body.includes('claudeai')
          ? {
              status: 400,
              headers: { 'content-type': 'application/json' },
              body: '{"error":"invalid_client_metadata"}',
            }
          : undefined,
    },
    says: 'a registration with null, an unknown scope and an unknown grant is answered 400',
  },
  {
    id: 'registration-removal',
    how: 'it is offered and not served',
    breakage: registrationAnswer((document) => {
      document.registration_client_uri = `${deployment.front.origin}/oauth/register/${String(document.client_id)}`;
      document.registration_access_token = 'token';
    }),
    says: 'DELETE of registration_client_uri answers 404 instead of 204',
  },
  {
    id: 'authorize',
    how: 'the page cannot be had, as with replicas that share no store',
    breakage: {
      answer: ({ path }) => (path.startsWith('/oauth/interaction/') ? { status: 400, ...webPage } : undefined),
    },
    says: /^\/oauth\/interaction\/[\w-]+ answers 400$/,
  },
  {
    id: 'approval-page',
    how: 'the browser leaves without a question',
    breakage: {
      answer: ({ path }) =>
        path.startsWith('/oauth/interaction/')
          ? { status: 303, headers: { location: `${deployment.identityProvider.issuer}/authorize` } }
          : undefined,
    },
    says: /^the browser leaves for http:\/\/127\.0\.0\.1:\d+ without a page$/,
  },
  {
    id: 'page-framing',
    how: 'the headers are lost',
    breakage: page((reply) => {
      delete reply.headers['x-frame-options'];
      delete reply.headers['content-security-policy'];
    }),
    says: 'the approval page may be framed',
  },
  {
    id: 'form-action',
    how: 'helmet’s policy replaces the page’s own',
    breakage: page((reply) => {
      reply.headers['content-security-policy'] = "default-src 'self';form-action 'self';frame-ancestors 'self'";
    }),
    says: 'form-action of the approval page stops the way to http://localhost:3118',
  },
  {
    id: 'form-action',
    how: 'a second policy stands beside the page’s own',
    breakage: page((reply) => {
      const own = reply.headers['content-security-policy'];
      reply.headers['content-security-policy'] = [String(own), "form-action 'self' http://localhost:*"];
    }),
    says: /^form-action of the approval page stops the way to http:\/\/127\.0\.0\.1:\d+$/,
  },
  {
    id: 'loopback-ports',
    how: 'another port is refused',
    breakage: {
      answer: ({ path, query }) =>
        path === '/oauth/authorize' && query.get('redirect_uri')?.includes(':51987')
          ? { status: 400, ...webPage }
          : undefined,
    },
    says: 'http://localhost:51987/callback is answered 400: another port was registered',
  },
  {
    id: 'redirect-uris',
    how: 'any redirect URI is followed',
    breakage: {
      answer: ({ path, query }) =>
        path === '/oauth/authorize' && query.get('redirect_uri')?.includes('attacker')
          ? { status: 303, headers: { location: `${query.get('redirect_uri')}?error=access_denied` } }
          : undefined,
    },
    says: 'an unregistered redirect URI is led on to https://attacker.example',
  },
  {
    id: 'pkce-required',
    how: 'a request without it is accepted',
    breakage: {
      answer: ({ path, query }) => (path === '/oauth/authorize' && !query.has('code_challenge') ? webPage : undefined),
    },
    says: 'an authorization request without code_challenge is accepted',
  },
  {
    id: 'iss-parameter',
    how: 'it is not advertised',
    breakage: server((document) => {
      delete document.authorization_response_iss_parameter_supported;
    }),
    says: 'authorization_response_iss_parameter_supported is not true',
  },
  {
    id: 'iss-parameter',
    how: 'it is lost on the way',
    breakage: {
      change(reply) {
        const { location } = reply.headers;
        if (typeof location === 'string') reply.headers.location = location.replace(/([?&])iss=[^&]*&?/, '$1');
      },
    },
    says: /^an error at the redirect URI has iss none instead of /,
  },
  {
    id: 'token-errors',
    how: 'a proxy replaces error pages',
    breakage: {
      change(reply, { path }) {
        if (path === '/oauth/token') Object.assign(reply, { status: 500, ...webPage });
      },
    },
    says: 'an unknown client is answered 500 instead of 400 or 401',
  },
  {
    id: 'token-errors',
    how: 'the codes are swapped',
    breakage: changeJson(/\/token$/, (document) => {
      document.error = 'invalid_client';
    }),
    says: 'an unknown code is answered with error invalid_client instead of invalid_grant',
  },
  {
    id: 'streaming',
    how: 'answers are compressed',
    breakage: endpoint((reply) => {
      reply.headers['content-encoding'] = 'gzip';
    }),
    says: 'answers of the MCP endpoint are compressed (gzip)',
  },
  {
    id: 'latency',
    how: 'an answer begins late',
    breakage: {
      async change(_reply, { path, method }) {
        if (path === '/mcp' && method === 'POST') await new Promise((resolve) => setTimeout(resolve, 60));
      },
    },
    options: { latencyMs: 50 },
    says: /^POST http:.*\/mcp began to answer after \d+ ms; the budget is 50$/,
  },
];

describe('doctor, of a deployment that is broken', () => {
  it.each(cases.map((broken) => [broken.id, broken.how, broken] as const))('finds %s: %s', async (id, _how, broken) => {
    deployment.front.breakage = broken.breakage ?? {};
    const diagnosis = await deployment.look(broken.options, { only: [id] });
    const says = typeof broken.says === 'string' ? broken.says : expect.stringMatching(broken.says);
    expect(diagnosis.findings.map(({ what }) => what)).toContainEqual(says);
    expect(idsOf(diagnosis)).toEqual([id]);
  });

  it('finds an identity provider that does not know the redirect URI', async () => {
    const uris = deployment.identityProvider.redirectUris.splice(0);
    const diagnosis = await deployment.look({}, { only: ['idp-callback'] });
    deployment.identityProvider.redirectUris.push(...uris);
    expect(diagnosis.findings).toMatchObject([
      {
        id: 'idp-callback',
        what: expect.stringMatching(/answers 400 to the sign-in with redirect_uri .*\/oauth\/callback$/),
      },
    ]);
  });

  it('finds documents that the deployment cannot fetch', async () => {
    const clientDocuments = [`${deployment.front.origin}/client.json`];
    deployment.front.breakage = {
      answer: ({ path }) =>
        path === '/client.json' ? { body: '{"redirect_uris":["https://client.example/callback"]}' } : undefined,
    };
    const diagnosis = await deployment.look({ clientDocuments }, { only: ['cimd-fetch'] });
    expect(diagnosis.findings).toMatchObject([
      { id: 'cimd-fetch', what: expect.stringMatching(/client\.json is answered 4/) },
    ]);
  });

  it('finds event streams that are kept back', async () => {
    deployment.front.breakage = { holdsStreams: true };
    const diagnosis = await deployment.look({ accessToken, streamMs: 300 }, { only: ['streaming'] });
    expect(diagnosis.findings).toMatchObject([
      { id: 'streaming', what: 'the head of an event stream did not come within 300 ms' },
    ]);
  });

  const tool = { name: 'count', arguments: { to: 2 } };

  it('finds nothing where progress comes before the result', async () => {
    const firstProgress = new Promise<void>((resolve) => {
      deployment.front.breakage = { streamed: (text) => text.includes('notifications/progress') && resolve() };
    });
    const looking = deployment.look({ accessToken, tool }, { only: ['streaming'] });
    await deployment.gate.next();
    await firstProgress;
    await fetch(deployment.url); // Meanwhile doctor, in this same process, has read what was there before.
    await deployment.gate.next();
    const diagnosis = await looking;
    expect(diagnosis).toMatchObject({ findings: [], skipped: [], passed: ['streaming'] });
  });

  it('finds progress that is kept back until the result', async () => {
    deployment.front.breakage = { holdsStreams: true };
    const looking = deployment.look({ accessToken, tool }, { only: ['streaming'] });
    await deployment.gate.next();
    await new Promise((resolve) => setTimeout(resolve, 600)); // A quicker tool would tell nothing.
    await deployment.gate.next();
    expect((await looking).findings).toMatchObject([
      {
        id: 'streaming',
        what: expect.stringMatching(/^the progress of the tool count came together with its result, after \d+ ms$/),
      },
    ]);
  });

  it('names the root cause, and what it could not look at because of it', async () => {
    deployment.front.breakage = { answer: ({ path }) => (serverDocument.test(path) ? { status: 502 } : undefined) };
    const diagnosis = await deployment.look();
    expect(idsOf(diagnosis)).toEqual(['server-metadata']);
    expect(diagnosis.skipped).toContainEqual({ id: 'registration', reason: 'there is no server metadata' });
  });

  it('finds nothing else where one thing is broken', async () => {
    deployment.front.breakage = server((document) => {
      document.code_challenge_methods_supported = ['plain'];
      expect(parse(JSON.stringify(document)).issuer).toBe(deployment.front.origin);
    });
    expect(idsOf(await deployment.look())).toEqual(['pkce-s256']);
  });

  it('has a case for every check of a deployment', () => {
    const tested = [...cases.map(({ id }) => id), 'idp-callback', 'cimd-fetch'];
    expect(deploymentChecks.map(({ id }) => id).filter((id) => !tested.includes(id))).toEqual([]);
  });
});
