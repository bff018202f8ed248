import type { IncomingMessage } from 'node:http';
import { isPlainJson, peekBody, takeBody } from '../shared/request-body.ts';
import { bodyTooLarge, notJson, type UndecidableRequest, unsupportedBody } from '../shared/request-operations.ts';

/** What of a request's body goes to the upstream. */
export type ForwardBody =
  /** `isDecoded`: a parser of the app has taken the content coding off. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly isDecoded: boolean }
  /** The request's own stream: nobody here needs to know it. */
  | { readonly kind: 'stream' }
  | { readonly kind: 'refused'; readonly refusal: UndecidableRequest }
  /** The client has gone. */
  | { readonly kind: 'broken' };

/** `none`: nobody; `retry`: it should be there once more; `decision`: it must be known. */
export type BodyNeed = 'none' | 'retry' | 'decision';

/** A body that comes in one piece or two costs less to send as bytes than to pass on as a stream. */
const smallBytes = 65_536;

function isSmall({ headers }: IncomingMessage, maxBytes: number): boolean {
  return Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= Math.min(smallBytes, maxBytes);
}

/** What the app's parser or `setEncoding` has left, as bytes; undefined where it is nested too deeply to be written. */
function toBytes(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  try {
    return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  } catch {
    return undefined;
  }
}

/**
 * The body as it is sent. For other methods than POST nothing, since Node frames no body of theirs, and its bytes would be
 * read as another request (RFC 9112 section 11.2).
 */
export async function readForwardBody(req: IncomingMessage, need: BodyNeed, maxBytes: number): Promise<ForwardBody> {
  if (req.method !== 'POST') return { kind: 'bytes', bytes: Buffer.alloc(0), isDecoded: false };
  const { body } = req as IncomingMessage & { readonly body?: unknown };
  const isParsed = req.readableEnded && body !== undefined;
  const isText = req.readableEncoding !== null; // The stream has characters now: what is sent on must be bytes.
  if (need === 'none' && !isParsed && !isText && !isSmall(req, maxBytes)) return { kind: 'stream' };
  const isTakeable = req.readable && !isText && isSmall(req, maxBytes);
  const peeked = await (isTakeable ? takeBody(req) : peekBody(req, maxBytes));
  switch (peeked.kind) {
    case 'broken':
      return { kind: 'broken' };
    case 'too_large':
      return need === 'decision' || isText ? { kind: 'refused', refusal: bodyTooLarge } : { kind: 'stream' };
    case 'none':
      return { kind: 'bytes', bytes: Buffer.alloc(0), isDecoded: false };
    default: {
      const bytes = toBytes(peeked.kind === 'parsed' ? peeked.value : peeked.bytes);
      if (!bytes) return { kind: 'refused', refusal: notJson };
      if (need === 'decision' && !isPlainJson(req)) return { kind: 'refused', refusal: unsupportedBody };
      return { kind: 'bytes', bytes, isDecoded: isParsed };
    }
  }
}
