import type { IncomingMessage } from 'node:http';
import { withoutOwnCookies } from '../shared/cookie-names.ts';
import { fromRawHeaders, isNamed } from '../shared/header-list.ts';

/**
 * `headersDistinct` made from `rawHeaders` as they are now, when it is first read. Node's own getter remembers how many
 * headers there were, and keeps what something has read before.
 */
const distinctHeaders: PropertyDescriptor & ThisType<IncomingMessage> = {
  configurable: true,
  enumerable: true,
  get() {
    const distinct: Record<string, string[]> = Object.create(null);
    for (const [name, value] of fromRawHeaders(this.rawHeaders)) {
      const lower = name.toLowerCase();
      distinct[lower] = [...(distinct[lower] ?? []), value];
    }
    this.headersDistinct = distinct;
    return distinct;
  },
  set(value: NodeJS.Dict<string[]>) {
    Object.defineProperty(this, 'headersDistinct', { value, configurable: true, enumerable: true, writable: true });
  },
};

/** Takes credentials out of the flat list in place, so that whoever holds it sees none. */
function stripRawHeaders(raw: string[]): void {
  let end = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    let value: string | undefined = raw[index + 1] as string;
    if (isNamed(name, 'authorization') || isNamed(name, 'dpop')) continue;
    if (isNamed(name, 'cookie')) value = withoutOwnCookies(value);
    if (value === undefined) continue;
    raw[end] = name;
    raw[end + 1] = value;
    end += 2;
  }
  raw.length = end;
}

/** Takes the bearer and this library's cookies off a request, in every form Node keeps (the MCP SDK reads `rawHeaders`). */
export function stripCredentials(req: IncomingMessage): void {
  const { headers } = req; // Node makes them of the raw ones, so they come first.
  delete headers.authorization;
  delete headers.dpop;
  if (headers.cookie !== undefined) {
    const cookie = withoutOwnCookies(headers.cookie);
    if (cookie === undefined) delete headers.cookie;
    else headers.cookie = cookie;
  }
  stripRawHeaders(req.rawHeaders);
  Object.defineProperty(req, 'headersDistinct', distinctHeaders);
}
