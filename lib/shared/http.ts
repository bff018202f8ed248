import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Issuer } from './issuer.ts';

/** One request to a path that this library owns. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly issuer: Issuer;
  /** The public URL as the issuer spells it, whatever Host said. */
  readonly url: URL;
  /** Path after the issuer's prefix. */
  readonly path: string;
}

export type Endpoint = (exchange: Exchange) => Promise<void> | void;

/** Why a request body was not read. */
export class BodyError extends Error {
  readonly reason: 'too_large' | 'wrong_type' | 'malformed';

  constructor(reason: BodyError['reason'], options?: ErrorOptions) {
    super(`request body: ${reason}`, options);
    this.name = 'BodyError';
    this.reason = reason;
  }
}

/** Sends a JSON answer that no cache keeps, unless `headers` says otherwise. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader('content-type', 'application/json');
  res.setHeader('cache-control', 'no-store');
  res.setHeader('x-content-type-options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader('content-length', Buffer.byteLength(text));
  res.end(text);
}

/** A 303 to another page, never kept by a cache (RFC 9700 section 4.12). */
export function redirect(res: ServerResponse, location: string): void {
  res.statusCode = 303;
  res.setHeader('location', location);
  res.setHeader('cache-control', 'no-store');
  res.setHeader('referrer-policy', 'no-referrer');
  res.setHeader('content-length', '0');
  res.end();
}

type ParsedRequest = IncomingMessage & { readonly body?: unknown };

/** What a body parser in front of us left, back as text. @throws BodyError for what cannot be written, nested too deeply */
function reserialize(body: unknown, contentType: string): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string') return Buffer.from(body);
  try {
    if (contentType === 'application/json') return Buffer.from(JSON.stringify(body ?? {}));
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries((body ?? {}) as Record<string, unknown>)) {
      for (const item of Array.isArray(value) ? value : [value]) form.append(name, String(item));
    }
    return Buffer.from(form.toString());
  } catch (cause) {
    throw new BodyError('malformed', { cause });
  }
}

/** The bare media type of a request's body, lower case. */
export function mediaType(req: IncomingMessage): string {
  return (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a body of one media type, at most `limit` bytes, also where a body parser of the app has read it before.
 * @throws BodyError
 */
export async function readBody(req: IncomingMessage, contentType: string, limit: number): Promise<Buffer> {
  if (mediaType(req) !== contentType) throw new BodyError('wrong_type');
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new BodyError('wrong_type');
  const parsed = (req as ParsedRequest).body;
  if (req.readableEnded || (parsed !== undefined && !req.readable)) {
    const bytes = reserialize(parsed, contentType);
    if (bytes.length > limit) throw new BodyError('too_large');
    return bytes;
  }
  if (Number(req.headers['content-length'] ?? 0) > limit) throw new BodyError('too_large');
  return readStream(req, limit);
}

/** By events: an iterator over a request costs more than the rest of reading it. */
function readStream(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;

    function stop(): void {
      req.off('data', take).off('end', finish).off('error', fail).off('close', fail);
    }
    function take(chunk: Buffer | string): void {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, req.readableEncoding ?? 'utf8') : chunk;
      size += bytes.length;
      if (size <= limit) return void chunks.push(bytes);
      stop();
      req.pause(); // The answer comes before the rest of the body, which Node then throws away.
      reject(new BodyError('too_large'));
    }
    function finish(): void {
      stop();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    }
    function fail(cause?: unknown): void {
      stop();
      reject(new BodyError('malformed', { cause }));
    }

    if (req.destroyed) return fail();
    req.on('data', take).on('end', finish).on('error', fail).on('close', fail);
  });
}

/** A form post's fields. @throws BodyError */
export async function readForm(req: IncomingMessage, limit = 32 * 1024): Promise<URLSearchParams> {
  return new URLSearchParams((await readBody(req, 'application/x-www-form-urlencoded', limit)).toString('utf8'));
}

/** Cookies of a request by name; the first of a name wins, as browsers send the most specific first. */
export function readCookies(req: IncomingMessage): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (req.headers.cookie ?? '').split(';')) {
    const separator = pair.indexOf('=');
    if (separator < 1) continue;
    const name = pair.slice(0, separator).trim();
    if (!cookies.has(name)) cookies.set(name, pair.slice(separator + 1).trim());
  }
  return cookies;
}

/** Adds an HttpOnly, SameSite=Lax cookie for the whole host. `maxAgeSeconds` 0 removes it. */
export function setCookie(
  res: ServerResponse,
  issuer: Issuer,
  name: string,
  value: string,
  maxAgeSeconds: number,
): void {
  const secure = issuer.isSecure ? '; Secure' : '';
  res.appendHeader('set-cookie', `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${secure}`);
}
