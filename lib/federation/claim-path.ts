function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value of a claim by its name or by names joined with dots. The longest name that exists wins, so that
 * `https://gateway.example.com/roles` and `resource_access.mcp.example.com.roles` are found as they are.
 */
export function claimAt(claims: unknown, path: string): unknown {
  if (!isObject(claims)) return undefined;
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let end = path.lastIndexOf('.'); end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = path.slice(0, end);
    if (!Object.hasOwn(claims, name)) continue;
    const found = claimAt(claims[name], path.slice(end + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Text that every store can keep: well-formed and without U+0000. */
export function isStorable(text: string): boolean {
  return !/\p{Surrogate}/u.test(text) && !text.includes('\0');
}
