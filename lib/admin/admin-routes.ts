import { type BlockType, blockedHost } from '../shared/blocks.ts';
import type { Acts } from './acts.ts';
import { type AdminRequest, readFields, readQuery, refusal } from './admin-request.ts';
import type { Directory } from './directory.ts';

/** One operation of the API; the OpenAPI document is made from these. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Segments; `{name}` stands for any one. */
  readonly path: string;
  readonly summary: string;
  /** Query parameters besides those of lists. */
  readonly parameters?: readonly string[];
  readonly isList?: true;
  /** Members of the JSON body. */
  readonly body?: Readonly<Record<string, object>>;
  /** Members of the body that must be there. */
  readonly required?: readonly string[];
  /** @returns what is sent as JSON; undefined for 404 */
  readonly run: (request: AdminRequest, named: Readonly<Record<string, string>>) => Promise<unknown>;
}

export interface AdminRouteOptions {
  readonly directory: Directory;
  readonly acts: Acts;
  readonly keys: (request: AdminRequest) => Promise<unknown>;
  readonly counters: () => unknown;
}

const blockTypes: readonly string[] = ['client', 'cimd-host', 'user'] satisfies readonly BlockType[];

const actorOf = ({ issuer, actor: name }: AdminRequest) => ({ issuer, name });

const done = (isDone: boolean) => (isDone ? { done: true } : undefined);

/** What a block is about, in its one spelling. @throws OAuthError */
export function readBlock(fields: Readonly<Record<string, unknown>>): {
  type: BlockType;
  value: string;
  reason?: string;
} {
  const { type, value, reason } = fields;
  if (typeof type !== 'string' || !blockTypes.includes(type))
    throw refusal(400, `type must be one of ${blockTypes.join(', ')}`);
  const text = typeof value === 'string' ? value.trim() : '';
  if (text === '' || text.length > 2048 || text.includes('\0'))
    throw refusal(400, 'value must be text of up to 2048 characters');
  const host = URL.parse(`https://${text}`);
  if (type === 'cimd-host' && (host?.host === undefined || host.href !== `https://${host.host}/`))
    throw refusal(400, 'value must be a host, such as client.example');
  if (reason !== undefined && (typeof reason !== 'string' || reason.length > 500 || reason.includes('\0')))
    throw refusal(400, 'reason must be text of up to 500 characters');
  return {
    type: type as BlockType,
    value: type === 'cimd-host' && host ? blockedHost(host) : text,
    ...(typeof reason === 'string' && reason !== '' && { reason }),
  };
}

export function createAdminRoutes({ directory, acts, keys, counters }: AdminRouteOptions): readonly AdminRoute[] {
  const textOf = (query: URLSearchParams, name: string) => query.get(name) || undefined;
  return [
    {
      method: 'GET',
      path: '/clients',
      summary: 'Registered clients, and first those of the options',
      isList: true,
      run: ({ issuer, query }) => directory.clients(issuer, readQuery(query)),
    },
    {
      method: 'DELETE',
      path: '/clients/{client}',
      summary: 'Removes a registration and ends its grants',
      run: (request, { client = '' }) => acts.removeClient(actorOf(request), client),
    },
    {
      method: 'GET',
      path: '/users',
      summary: 'Users who have signed in',
      isList: true,
      run: ({ issuer, query }) => directory.users(issuer, readQuery(query)),
    },
    {
      method: 'POST',
      path: '/users/{user}/revoke',
      summary: 'Ends every session and grant of a user',
      run: (request, { user = '' }) => acts.revokeUser(actorOf(request), user),
    },
    {
      method: 'GET',
      path: '/grants',
      summary: 'Grants of a user, of a client, or user by user',
      parameters: ['user', 'client'],
      isList: true,
      run: ({ issuer, query }) => {
        const [user, client] = [textOf(query, 'user'), textOf(query, 'client')];
        return directory.grants(issuer, readQuery(query), { ...(user && { user }), ...(client && { client }) });
      },
    },
    {
      method: 'DELETE',
      path: '/grants/{grant}',
      summary: 'Ends a grant and every token under it',
      run: async (request, { grant = '' }) => done(await acts.endGrant(actorOf(request), grant)),
    },
    {
      method: 'GET',
      path: '/connections',
      summary: 'Connections to upstreams of a user, or user by user',
      parameters: ['user'],
      isList: true,
      run: ({ issuer, query }) => {
        const user = textOf(query, 'user');
        return directory.connections(issuer, readQuery(query), user ? { user } : {});
      },
    },
    {
      method: 'DELETE',
      path: '/connections/{user}/{upstream}',
      summary: 'Ends a connection and revokes its tokens at the upstream',
      run: async (request, { user = '', upstream = '' }) =>
        done(await acts.disconnect(actorOf(request), user, upstream)),
    },
    { method: 'GET', path: '/keys', summary: 'Signing keys, without their private parts', run: keys },
    {
      method: 'POST',
      path: '/keys/rotate',
      summary: 'Publishes a new signing key, which signs after ten minutes',
      run: (request) => acts.rotateKeys(actorOf(request)),
    },
    {
      method: 'GET',
      path: '/blocks',
      summary: 'What is blocked',
      isList: true,
      run: ({ issuer, query }) => directory.blocks(issuer, readQuery(query)),
    },
    {
      method: 'POST',
      path: '/blocks',
      summary: 'Blocks a client, the host of metadata documents, or a user, and ends their grants',
      body: {
        type: { type: 'string', enum: blockTypes },
        value: { type: 'string', description: 'Client id, host, or id of a user' },
        reason: { type: 'string' },
      },
      required: ['type', 'value'],
      run: async (request) => acts.block(actorOf(request), readBlock(await readFields(request.req))),
    },
    {
      method: 'DELETE',
      path: '/blocks/{block}',
      summary: 'Removes a block; what it ended stays ended',
      run: async (request, { block = '' }) => done(await acts.unblock(actorOf(request), block)),
    },
    {
      method: 'GET',
      path: '/counters',
      summary: 'Events of this process since it started, by type',
      run: async () => counters(),
    },
  ];
}

/** The route of a request and what its path names; the allowed methods where only the method is wrong. */
export function findRoute(
  routes: readonly AdminRoute[],
  method: string | undefined,
  segments: readonly string[],
): { route: AdminRoute; named: Record<string, string> } | { allowed: readonly string[] } {
  const allowed: string[] = [];
  for (const route of routes) {
    const template = route.path.slice(1).split('/');
    if (template.length !== segments.length) continue;
    const named: Record<string, string> = {};
    const fits = template.every((part, index) => {
      const segment = segments[index] ?? '';
      if (!part.startsWith('{')) return part === segment;
      named[part.slice(1, -1)] = segment;
      return segment !== '';
    });
    if (!fits) continue;
    if (route.method === method || (route.method === 'GET' && method === 'HEAD')) return { route, named };
    allowed.push(route.method);
  }
  return { allowed };
}

/** OpenAPI 3.1 of the API. */
export function describeRoutes(routes: readonly AdminRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  const query = (name: string, schema: object) => ({ name, in: 'query', schema });
  const lists = [
    query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 50 }),
    query('cursor', { type: 'string', description: '`next` of the page before' }),
    query('search', { type: 'string', maxLength: 200 }),
  ];
  const answer = (description: string) => ({
    description,
    content: { 'application/json': { schema: { type: 'object' } } },
  });
  for (const { method, path, summary, parameters = [], isList, body, required } of routes) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }));
    const all = [...named, ...parameters.map((name) => query(name, { type: 'string' })), ...(isList ? lists : [])];
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId: `${method.toLowerCase()}${path.replace(/[{}]/g, '').replace(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
        summary,
        ...(all.length > 0 && { parameters: all }),
        ...(body && {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { type: 'object', properties: body, required } } },
          },
        }),
        responses: {
          '200': answer(isList ? 'A page: `items`, and `next` or null' : 'Done, or what was asked for'),
          '400': answer('A parameter is wrong'),
          '403': answer('The guard refused, or a page elsewhere may have sent it'),
          ...(path.includes('{') && { '404': answer('There is no such thing') }),
          '503': answer('The store does not answer'),
        },
      },
    };
  }
  return { openapi: '3.1.0', info: { title: 'express-mcp-auth admin', version: '1' }, paths };
}
