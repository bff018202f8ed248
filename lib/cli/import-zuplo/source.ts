/** What is read of Zuplo's files: as unknown JSON, since people edit them by hand. */
export type Json = Readonly<Record<string, unknown>>;

/** An entry of policies.json. */
export interface Policy {
  readonly name: string;
  readonly type: string;
  readonly options: Json;
}

/** An operation of routes.oas.json that Zuplo serves; those of one path with one handler are one route. */
export interface Route {
  readonly path: string;
  /** `export` of the handler, such as `McpProxyHandler`. */
  readonly handler: string;
  readonly options: Json;
  /** Names of inbound policies, in their order. */
  readonly policies: readonly string[];
  readonly summary: string | undefined;
}

/** The object that a value is; an empty one where it is none. */
export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The list that a value is; an empty one where it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** Policy types by the exported class, for entries whose type is missing or wrong. */
function typeOfExport(name: string): string {
  const wrapper = /^Mcp([A-Za-z0-9]*)OAuthInboundPolicy$/.exec(name)?.[1];
  if (wrapper !== undefined) return wrapper === '' ? 'mcp-oauth-inbound' : `mcp-${wrapper.toLowerCase()}-oauth-inbound`;
  if (name === 'McpTokenExchangeInboundPolicy') return 'mcp-token-exchange-inbound';
  return name === 'McpCapabilityFilterInboundPolicy' ? 'mcp-capability-filter-inbound' : '';
}

/** Older files name MCP policies without their suffix. */
function withSuffix(type: string): string {
  return /^mcp-(?:[a-z0-9]+-)?(?:oauth|token-exchange|capability-filter)$/.test(type) ? `${type}-inbound` : type;
}

/** @throws TypeError where it is no policies.json */
export function readPolicies(document: unknown): Policy[] {
  const { policies } = objectOf(document);
  if (!Array.isArray(policies)) throw new TypeError('the policies file has no array "policies"');
  return policies.map((entry, index) => {
    const { name, policyType, handler } = objectOf(entry);
    const { export: exported, options } = objectOf(handler);
    const type = typeOfExport(textOf(exported) ?? '') || withSuffix(textOf(policyType) ?? 'unknown');
    return { name: textOf(name) ?? `policies[${index}]`, type, options: objectOf(options) };
  });
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** @throws TypeError where it is no routes.oas.json */
export function readRoutes(document: unknown): Route[] {
  const { paths } = objectOf(document);
  if (typeof paths !== 'object' || paths === null) throw new TypeError('the routes file has no object "paths"');
  const routes = new Map<string, Route>();
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(objectOf(item))) {
      if (!methods.includes(method)) continue;
      const { 'x-zuplo-route': given, summary } = objectOf(operation);
      const { handler, policies } = objectOf(given);
      const { export: exported, options } = objectOf(handler);
      const route: Route = {
        path,
        handler: textOf(exported) ?? 'unknown',
        options: objectOf(options),
        policies: listOf(objectOf(policies).inbound).filter((name) => typeof name === 'string'),
        summary: textOf(summary),
      };
      const key = JSON.stringify({ ...route, summary: undefined });
      if (!routes.has(key)) routes.set(key, route);
    }
  }
  return [...routes.values()];
}
