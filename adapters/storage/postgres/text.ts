/** @throws TypeError for what PostgreSQL cannot store: U+0000, and lone surrogates, which would become U+FFFD. */
export function requireText(what: string, text: unknown): string {
  if (typeof text !== 'string') throw new TypeError(`${what} must be a string, got ${typeof text}`);
  if (text.includes('\0') || /\p{Surrogate}/u.test(text)) throw unstorable(what);
  return text;
}

/** @throws TypeError for what JSON or PostgreSQL cannot hold. */
export function requireJson(what: string, value: object): string {
  const json: unknown = JSON.stringify(value);
  if (typeof json !== 'string') throw new TypeError(`${what} must be an object, got ${typeof value}`);
  // JSON.stringify writes no other \ud than that of a lone surrogate. A backslash that is itself escaped begins no escape.
  if (/(?<!\\)(?:\\\\)*\\u(?:0000|d)/.test(json)) throw unstorable(what);
  return json;
}

function unstorable(what: string): TypeError {
  return new TypeError(`${what} must not hold U+0000 or a lone surrogate: PostgreSQL cannot store it`);
}
