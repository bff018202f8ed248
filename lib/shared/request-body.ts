import type { IncomingMessage } from 'node:http';
import { isNamed } from './header-list.ts';

/** The body of a request that stays readable for everyone behind us. */
export type PeekedBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** A body parser of the app was here first. */
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'broken' };

type ParsedRequest = IncomingMessage & { readonly body?: unknown };

/** Collects the stream up to its end and puts it back before the end is told: behind us it reads as if untouched. */
function collect(req: IncomingMessage, limit: number): Promise<PeekedBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (result: PeekedBody): void => {
      req.removeListener('readable', onReadable);
      req.removeListener('end', onEnd);
      req.removeListener('error', onBroken);
      req.removeListener('close', onBroken);
      resolve(result);
    };
    const onBroken = (): void => finish({ kind: 'broken' });
    const onEnd = (): void => finish({ kind: 'none' });
    function onReadable(): void {
      for (let chunk = req.read() as Buffer | null; chunk !== null; chunk = req.read() as Buffer | null) {
        size += chunk.length;
        chunks.push(chunk);
        if (size > limit) {
          req.unshift(Buffer.concat(chunks, size)); // Who can do without having read it may still pass it on.
          return finish({ kind: 'too_large' });
        }
      }
      // `complete` is set before the end is pushed, and `end` is emitted only on an empty buffer: it waits for the bytes put back.
      if (!req.complete || size === 0) return;
      const bytes = Buffer.concat(chunks, size);
      req.unshift(bytes);
      finish({ kind: 'bytes', bytes });
    }
    req.on('readable', onReadable);
    req.once('end', onEnd);
    req.once('error', onBroken);
    req.once('close', onBroken);
  });
}

const jsonInUtf8 = /^application\/json(?:\s*;\s*charset\s*=\s*(?:utf-?8|"utf-?8"))?\s*;?$/i;

/**
 * Whether every parser behind reads a JSON body as the UTF-8 text that it is here: one media type and charset, which may be
 * left out, and no content coding but one that a parser of the app has taken off. Others know UTF-7, and forms.
 */
export function isPlainJson({ headers, rawHeaders, body, readableEnded }: ParsedRequest): boolean {
  const types = rawHeaders.filter((name, index) => index % 2 === 0 && isNamed(name, 'content-type'));
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const isDecoded = readableEnded && body !== undefined;
  const type = headers['content-type']?.trim() ?? 'application/json';
  return types.length <= 1 && jsonInUtf8.test(type) && (isDecoded || coding === 'identity');
}

/** Reads a request body of at most `limit` bytes without using it up. */
export async function peekBody(req: IncomingMessage, limit: number): Promise<PeekedBody> {
  const { body } = req as ParsedRequest;
  if (req.readableEnded || (body !== undefined && !req.readable)) {
    if (body === undefined) return { kind: 'none' };
    return Buffer.isBuffer(body) ? { kind: 'bytes', bytes: body } : { kind: 'parsed', value: body };
  }
  if (Number(req.headers['content-length'] ?? 0) > limit) return { kind: 'too_large' };
  return collect(req, limit);
}
