import { matchesGlob } from '../shared/glob.ts';
import type { Capabilities, CapabilityEntry, CapabilityList } from './proxy-options.ts';
import { covers, names, namesTemplate, type ResourcePatterns } from './resource-rules.ts';

/** The lists that MCP has, by the member of a list result. */
export const capabilityKinds = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;

export type CapabilityKind = (typeof capabilityKinds)[number];

/** What exists for one caller. */
export interface VisibleCapabilities {
  /** @param name name of a tool or prompt, URI, or URI template */
  shows(kind: CapabilityKind, name: string): boolean;
}

/** Names that count for a caller; `allow` is undefined where the kind has none. */
interface Patterns {
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
}

function isList(given: readonly CapabilityEntry[] | CapabilityList): given is readonly CapabilityEntry[] {
  return Array.isArray(given);
}

function patternsFor(roles: readonly string[], entries: readonly CapabilityEntry[]): string[] {
  return entries.flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    return entry.roles === undefined || entry.roles.some((role) => roles.includes(role)) ? [entry.name] : [];
  });
}

function patternsOf(capabilities: Capabilities, kind: CapabilityKind, roles: readonly string[]): Patterns {
  const given = capabilities[kind] ?? {};
  const { allow, deny = [] } = isList(given) ? { allow: given } : given;
  return { allow: allow && patternsFor(roles, allow), deny: patternsFor(roles, deny) };
}

/**
 * The capabilities of a caller with these roles. A kind with an `allow` list shows what an entry of it names, even where no
 * entry is for the caller; any other shows what `default` says; `deny` wins over both.
 */
export function visibleCapabilities(capabilities: Capabilities, roles: readonly string[]): VisibleCapabilities {
  const isOpen = capabilities.default !== 'deny';
  const of = (kind: CapabilityKind) => patternsOf(capabilities, kind, roles);
  const named = { tools: of('tools'), prompts: of('prompts') };
  const resources = of('resources');
  const templates = of('resourceTemplates');
  const denied: ResourcePatterns = { uris: resources.deny, templates: templates.deny };
  const allowed: ResourcePatterns = { uris: resources.allow ?? [], templates: templates.allow ?? [] };
  const hasOpenResources = isOpen && resources.allow === undefined && templates.allow === undefined;

  return {
    shows(kind, name) {
      if (kind === 'resources') return !names(denied, name) && (hasOpenResources || covers(allowed, name));
      if (kind === 'resourceTemplates')
        return !namesTemplate(denied, name) && (hasOpenResources || namesTemplate(allowed, name));
      const { allow, deny } = named[kind];
      if (deny.some((pattern) => matchesGlob(pattern, name))) return false;
      return allow === undefined ? isOpen : allow.some((pattern) => matchesGlob(pattern, name));
    },
  };
}
