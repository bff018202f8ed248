import { IncomingMessage } from 'node:http';
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

/** A header's value without credentials; undefined where none is left. */
function withoutCredentials(name: string, value: string): string | undefined {
  if (name === 'authorization' || name === 'dpop') return undefined;
  return name === 'cookie' ? withoutOwnCookies(value) : value;
}

/** Takes them out of the parsed headers. To delete from Node's object costs more than another one of what is left. */
function stripHeaders(req: IncomingMessage): void {
  const { headers } = req;
  const isReplaceable = req instanceof IncomingMessage; // HTTP/2's can only be changed in place.
  const left: typeof headers = isReplaceable ? {} : headers;
  for (const name in headers) {
    const value = headers[name];
    const kept = typeof value === 'string' ? withoutCredentials(name, value) : value;
    if (kept !== value) headers[name] = kept; // For whoever holds this object.
    if (kept !== undefined) left[name] = kept;
    else if (!isReplaceable) delete left[name];
  }
  if (isReplaceable) req.headers = left;
}

/** Takes the bearer and this library's cookies off a request, in every form Node keeps (the MCP SDK reads `rawHeaders`). */
export function stripCredentials(req: IncomingMessage): void {
  stripHeaders(req); // Node makes them of the raw ones, so they come first.
  stripRawHeaders(req.rawHeaders);
  Object.defineProperty(req, 'headersDistinct', distinctHeaders);
}
