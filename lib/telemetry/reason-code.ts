import { createBoundedNames } from '../shared/telemetry.ts';

/** So many reasons of one type of event are told apart; what a caller makes up is not. */
const maxCodes = 50;

/** Reasons whose details stand in the middle. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/^method \S+$/, 'method_not_allowed'],
  [/^missing scope /, 'missing_scope'],
  [/^status \d+/, 'status'],
];

const oauthError =
  /^(?:invalid|unauthorized|unsupported|access|server|temporarily|insufficient|consent|login|interaction|use)_\w+$/;

/** A reason's cause without its details: what stands before the first colon, and behind it where that is an OAuth error alone. */
function causeOf(reason: string): string {
  const [first = '', second] = reason.split(/:\s*/, 2);
  return oauthError.test(first) && second ? `${first} ${second}` : first;
}

/** Low-cardinality codes of `reason`: `refresh_token_not_found`, `missing_scope`, `other`. */
export function createReasonCodes(): (type: string, reason: string) => string {
  const byType = new Map<string, ReturnType<typeof createBoundedNames>>();
  return (type, reason) => {
    const known = rules.find(([pattern]) => pattern.test(reason))?.[1];
    if (known !== undefined) return known;
    const slug = causeOf(reason)
      .slice(0, 120)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 60);
    let names = byType.get(type);
    if (!names) {
      names = createBoundedNames(maxCodes);
      byType.set(type, names);
    }
    return (slug && names(slug)) || 'other';
  };
}
