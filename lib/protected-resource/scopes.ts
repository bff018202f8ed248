import { matchesGlob } from '../shared/glob.ts';
import type { Operation } from '../shared/operation.ts';

/** Broad scopes and the narrower ones they include (MCP 2026-07-28, Step-Up). */
export type ScopeHierarchy = Readonly<Record<string, readonly string[]>>;

/**
 * Scopes an operation needs besides the route's: by method, and for methods with a name by glob, `*` for any text.
 * @example { 'tools/call': { 'delete_*': ['files:write'], '*': ['files:read'] }, 'resources/read': ['files:read'] }
 */
export type OperationScopes = Readonly<Record<string, readonly string[] | Readonly<Record<string, readonly string[]>>>>;

/** The required scopes that are missing; the hierarchy is asked only where one is not granted itself. */
export function missingScopes(
  granted: readonly string[],
  required: readonly string[],
  implies: ScopeHierarchy,
): readonly string[] {
  if (required.every((scope) => granted.includes(scope))) return [];
  const held = expandScopes(granted, implies);
  return required.filter((scope) => !held.has(scope));
}

/** All scopes that the granted ones stand for. */
function expandScopes(granted: readonly string[], implies: ScopeHierarchy): Set<string> {
  const all = new Set<string>();
  const open = [...granted];
  for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
    if (all.has(scope)) continue;
    all.add(scope);
    if (Object.hasOwn(implies, scope)) open.push(...(implies[scope] ?? []));
  }
  return all;
}

/** The scopes that one operation needs by the rules: every matching glob counts. */
export function scopesOfOperation({ method, name }: Operation, rules: OperationScopes): string[] {
  const rule = Object.hasOwn(rules, method) ? rules[method] : undefined;
  if (rule === undefined) return [];
  if (Array.isArray(rule)) return [...rule];
  return Object.entries(rule as Readonly<Record<string, readonly string[]>>)
    .filter(([pattern]) => matchesGlob(pattern, name ?? ''))
    .flatMap(([, scopes]) => scopes);
}

/** Every scope that a resource may ask for. */
export function scopesOfRules(rules: OperationScopes): string[] {
  return Object.values(rules).flatMap((rule) => (Array.isArray(rule) ? rule : Object.values(rule).flat()));
}
