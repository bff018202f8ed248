/** Members that decide what a message does: a parser that does not mind case would take their twins for them. */
const decisiveNames = [
  'jsonrpc',
  'id',
  'method',
  'params',
  'name',
  'uri',
  'arguments',
  'ref',
  'type',
  'notifications',
  'resourceSubscriptions',
  'taskId',
];

/** A name as such a parser compares it. */
const fold = (name: string) => name.toUpperCase().toLowerCase();

/** The known spelling of each. */
const decisive = new Map(decisiveNames.map((name) => [fold(name), name]));

/** Strings, with the colon where they name a member, and brackets: what is between them is of no interest here. */
const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/gs;

/** Nesting that parsers agree on; more costs memory out of all proportion to the text. */
const maxDepth = 500;

/** What an object or array of a JSON-RPC text is: `target` names what is called, `other` is data. */
type Place = 'root' | 'message' | 'params' | 'target' | 'other';

interface Level {
  readonly place: Place;
  /** Names of members so far. */
  readonly names: Set<string>;
  /** The member whose value comes next. */
  member: string;
}

function placeBelow(parent: Level | undefined, token: string): Place {
  if (!parent) return token === '[' ? 'root' : 'message';
  if (parent.place === 'root') return 'message';
  if (parent.place === 'message') return parent.member === 'params' ? 'params' : 'other';
  return parent.place === 'params' && ['ref', 'notifications'].includes(parent.member) ? 'target' : 'other';
}

/**
 * Whether two parsers could read a JSON-RPC text differently: a member that is there twice (RFC 8259 section 4), or, where
 * it matters, one that differs from a known one in case only, or nesting too deep for one. What is decided on must be what the next one reads.
 * @param text must be valid JSON
 */
function isAmbiguous(text: string): boolean {
  const levels: Level[] = [];
  for (const [token, string, colon] of text.matchAll(tokens)) {
    const top = levels.at(-1);
    if (token === '{' || token === '[') {
      if (levels.length >= maxDepth) return true;
      levels.push({ place: placeBelow(top, token), names: new Set(), member: '' });
    } else if (string === undefined) levels.pop();
    else if (top && colon !== undefined) {
      const name = JSON.parse(string) as string;
      const known = top.place === 'other' ? undefined : decisive.get(fold(name));
      if (top.names.has(name) || (known !== undefined && known !== name)) return true;
      top.names.add(name);
      top.member = name;
    }
  }
  return false;
}

/** {@link isAmbiguous} of what a body parser of the app has read: the next one gets it as text again. */
export function isAmbiguousValue(value: unknown): boolean {
  try {
    return isAmbiguous(JSON.stringify(value));
  } catch {
    return true; // Nested so deeply that it cannot be written.
  }
}

/**
 * A JSON-RPC body as every parser reads it.
 * @returns `undefined` for what is not JSON in UTF-8 or not the same to everyone
 */
export function parseJsonRpc(bytes: Buffer): { readonly value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return isAmbiguous(text) ? undefined : { value };
  } catch {
    return undefined;
  }
}
