import { kindOf, type OptionReader, readOptions } from '../shared/option-reader.ts';
import { capabilityKinds } from './capabilities.ts';
import type { Capabilities, ForwardingOptions, IdentityHeaderOptions } from './proxy-options.ts';

export const forwardingNames = [
  'capabilities',
  'authorize',
  'maxAnswerBytes',
  'heartbeatSeconds',
  'identity',
] as const satisfies readonly (keyof ForwardingOptions)[];

/** `proxy` options of this stage with their defaults. */
export interface ResolvedForwarding {
  readonly capabilities?: NonNullable<ForwardingOptions['capabilities']>;
  readonly authorize?: NonNullable<ForwardingOptions['authorize']>;
  readonly maxAnswerBytes: number;
  readonly heartbeatSeconds: number;
  readonly identity?: IdentityHeaderOptions;
}

/** Headers that the transport or MCP needs for itself. */
const takenHeader =
  /^(?:accept|authorization|connection|content-.*|cookie|expect|host|keep-alive|last-event-id|mcp-.*|te|trailer|transfer-encoding|upgrade)$/;

function isRoleList(value: unknown): boolean {
  return Array.isArray(value) && value.every((role) => typeof role === 'string' && role !== '');
}

function isEntry(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { name, roles, ...rest } = value as { name?: unknown; roles?: unknown };
  const hasRoles = roles === undefined || isRoleList(roles);
  return typeof name === 'string' && name !== '' && hasRoles && Object.keys(rest).length === 0;
}

function readEntries(list: OptionReader, name: string): void {
  const entries = list.value(name);
  if (entries === undefined || (Array.isArray(entries) && entries.every(isEntry))) return;
  list.problem(
    name,
    `must be an array of names, or of { name, roles }, such as ['get_*', { name: 'delete_*', roles: ['admin'] }], got ${kindOf(entries)}`,
  );
}

/** Problems of capabilities, told by `options`. */
export function checkCapabilities(options: OptionReader): void {
  const capabilities = options.group('capabilities', ['default', ...capabilityKinds]);
  capabilities.string('default', {
    what: "'allow' or 'deny'",
    accept: (text) => text === 'allow' || text === 'deny',
  });
  for (const kind of capabilityKinds) {
    if (Array.isArray(capabilities.value(kind))) readEntries(capabilities, kind);
    else {
      const list = capabilities.group(kind, ['allow', 'deny']);
      readEntries(list, 'allow');
      readEntries(list, 'deny');
    }
  }
}

/**
 * What a function gave as capabilities, checked.
 * @throws Error where it is none: a mistake in it must not show everything
 */
export function requireCapabilities(given: unknown): Capabilities {
  const options = readOptions({ capabilities: given ?? null }, ['capabilities']);
  checkCapabilities(options);
  const [problem] = options.problems;
  if (problem) throw new Error(`capabilities gave no capabilities: ${problem.option}: ${problem.message}`);
  return given as Capabilities;
}

function readIdentity(options: OptionReader): IdentityHeaderOptions | undefined {
  if (!options.has('identity')) return undefined;
  const identity = options.group('identity', ['header', 'format']);
  const header = identity.string('header', {
    what: "a header name of the upstream's own, such as 'x-mcp-identity'",
    accept: (text) => /^[A-Za-z0-9-]+$/.test(text) && !takenHeader.test(text.toLowerCase()),
  });
  if (!identity.has('header')) identity.problem('header', "must be given, such as 'x-mcp-identity'");
  identity.string('format', { what: "'jwt'", accept: (text) => text === 'jwt' });
  if (!identity.has('format')) identity.problem('format', "must be given: 'jwt'");
  return { header: header ?? '', format: 'jwt' };
}

export function readForwarding(options: OptionReader): ResolvedForwarding {
  const capabilities = options.value('capabilities') as ForwardingOptions['capabilities'];
  if (typeof capabilities !== 'function') checkCapabilities(options);
  const authorize = options.fn('authorize') as ForwardingOptions['authorize'];
  const identity = readIdentity(options);
  return {
    ...(capabilities !== undefined && { capabilities }),
    ...(authorize && { authorize }),
    maxAnswerBytes: options.integer('maxAnswerBytes', { min: 1024, max: 268_435_456, fallback: 16_777_216 }),
    heartbeatSeconds: options.integer('heartbeatSeconds', { min: 0, max: 3600, fallback: 0 }),
    ...(identity && { identity }),
  };
}
