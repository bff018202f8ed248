import type { Operation } from '../shared/operation.ts';
import type { CapabilityKind } from './capabilities.ts';

/** Something of the upstream that an operation is about. */
export interface CapabilityTarget {
  readonly kind: CapabilityKind;
  readonly name: string;
}

/** Kinds by the methods that name one thing. */
const kinds: { readonly [method: string]: CapabilityKind } = {
  'tools/call': 'tools',
  'prompts/get': 'prompts',
  'resources/read': 'resources',
  'resources/subscribe': 'resources',
  'resources/unsubscribe': 'resources',
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** MCP 2025-11-25, Completion: a reference to a prompt or a resource template. */
function completionTargets(reference: unknown): CapabilityTarget[] | 'malformed' {
  if (!isRecord(reference)) return 'malformed';
  const { type, name, uri } = reference;
  if (type === 'ref/prompt' && typeof name === 'string') return [{ kind: 'prompts', name }];
  if (type === 'ref/resource' && typeof uri === 'string')
    return [{ kind: uri.includes('{') ? 'resourceTemplates' : 'resources', name: uri }];
  return 'malformed';
}

/** MCP 2026-07-28, Subscriptions: the resources whose updates a client wants. */
function subscriptionTargets(notifications: unknown): CapabilityTarget[] | 'malformed' {
  if (notifications === undefined) return [];
  if (!isRecord(notifications)) return 'malformed';
  const { resourceSubscriptions: uris } = notifications;
  if (uris === undefined) return [];
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === 'string')) return 'malformed';
  return uris.map((name) => ({ kind: 'resources', name }));
}

/** Everything that an operation names; all of it must be visible to the caller. */
export function targetsOf({ method, name, params }: Operation): readonly CapabilityTarget[] | 'malformed' {
  if (method === 'completion/complete') return completionTargets(params?.ref);
  if (method === 'subscriptions/listen') return subscriptionTargets(params?.notifications);
  const kind = Object.hasOwn(kinds, method) ? kinds[method] : undefined;
  return kind !== undefined && name !== undefined ? [{ kind, name }] : [];
}
