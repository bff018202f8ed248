import { type CapabilityKind, capabilityKinds, type VisibleCapabilities } from './capabilities.ts';

/** What a filter did with a JSON-RPC text. */
export type Filtered =
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly text: string }
  /** Nothing of it may be told. */
  | { readonly kind: 'dropped' }
  /** It is not JSON, or nested too deep: what is in it cannot be known. */
  | { readonly kind: 'unreadable' };

/** Told for each list that lost items. */
export type HiddenListener = (kind: CapabilityKind, count: number) => void;

/** Which member of a list's items names them. */
const nameMember: { readonly [Kind in CapabilityKind]: string } = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
};

const dropped = Symbol('dropped');

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A filter of JSON-RPC messages from the upstream. It goes by the form of results, not by the request that they answer: a
 * resumed stream brings results of requests that this process has never seen.
 */
export function createMessageFilter(
  visible: VisibleCapabilities,
  onHidden: HiddenListener,
): (text: string) => Filtered {
  function filterList(kind: CapabilityKind, items: readonly unknown[]): readonly unknown[] {
    const shown = items.filter((item) => {
      const name = isRecord(item) ? item[nameMember[kind]] : undefined;
      return typeof name === 'string' && visible.shows(kind, name);
    });
    if (shown.length === items.length) return items;
    onHidden(kind, items.length - shown.length);
    return shown;
  }

  function filterResult(result: Record<string, unknown>): Record<string, unknown> {
    const changes: Record<string, unknown> = {};
    for (const kind of capabilityKinds) {
      const items = Object.hasOwn(result, kind) ? result[kind] : undefined;
      if (!Array.isArray(items)) continue;
      const shown = filterList(kind, items);
      if (shown !== items) changes[kind] = shown;
      // What one caller may see is nothing for a shared cache (MCP 2026-07-28, Caching).
      if (result.cacheScope === 'public') changes.cacheScope = 'private';
    }
    return Object.keys(changes).length > 0 ? { ...result, ...changes } : result;
  }

  function filterMessage(message: unknown): unknown {
    if (!isRecord(message)) return message;
    const { method, params, result } = message;
    if (method === 'notifications/resources/updated') {
      const uri = isRecord(params) ? params.uri : undefined;
      return typeof uri === 'string' && visible.shows('resources', uri) ? message : dropped;
    }
    if (!isRecord(result)) return message;
    const filtered = filterResult(result);
    return filtered === result ? message : { ...message, result: filtered };
  }

  function filterText(text: string): Filtered {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value)) {
      const message = filterMessage(value);
      if (message === dropped) return { kind: 'dropped' };
      return message === value ? { kind: 'same' } : { kind: 'changed', text: JSON.stringify(message) };
    }
    const messages = value.map(filterMessage);
    if (messages.every((message, index) => message === value[index])) return { kind: 'same' };
    const kept = messages.filter((message) => message !== dropped);
    return kept.length === 0 ? { kind: 'dropped' } : { kind: 'changed', text: JSON.stringify(kept) };
  }

  return (text) => {
    try {
      return filterText(text);
    } catch {
      return { kind: 'unreadable' };
    }
  };
}
