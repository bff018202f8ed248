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

/** Chunks of a stream, or their text where the app has called `setEncoding`. */
interface Collected {
  readonly bytes: Buffer;
  /** In the form in which the stream gives chunks. */
  readonly chunk: Buffer | string;
}

function join(chunks: readonly (Buffer | string)[], encoding: BufferEncoding | null): Collected {
  if (encoding === null) {
    const bytes = Buffer.concat(chunks as readonly Buffer[]);
    return { bytes, chunk: bytes };
  }
  const text = chunks.join('');
  return { bytes: Buffer.from(text, encoding), chunk: text };
}

/** Collects the stream up to its end and puts it back before the end is told: behind us it reads as if untouched. */
function collect(req: IncomingMessage, limit: number): Promise<PeekedBody> {
  return new Promise((resolve) => {
    const chunks: (Buffer | string)[] = [];
    const { readableEncoding: encoding } = req;
    let size = 0;
    const putBack = (): Buffer => {
      const { bytes, chunk } = join(chunks, encoding);
      req.unshift(chunk, encoding ?? undefined);
      return bytes;
    };
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
      for (let chunk: Buffer | string | null = req.read(); chunk !== null; chunk = req.read()) {
        size += typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? 'utf8') : chunk.length;
        chunks.push(chunk);
        if (size > limit) {
          putBack(); // Who can do without having read it may still pass it on.
          return finish({ kind: 'too_large' });
        }
      }
      // `complete` is set before the end is pushed, and `end` is emitted only on an empty buffer: it waits for the bytes put back.
      if (req.complete && size > 0) finish({ kind: 'bytes', bytes: putBack() });
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

/**
 * Reads a body whose length is told and small, and uses it up: for who is the last to read it. By events, with nothing put
 * back, it costs a third of {@link peekBody}.
 */
export function takeBody(req: IncomingMessage): Promise<PeekedBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const finish = (result: PeekedBody): void => {
      req.off('data', take).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      resolve(result);
    };
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    const onEnd = (): void => {
      const [only] = chunks;
      if (only === undefined) return finish({ kind: 'none' });
      finish({ kind: 'bytes', bytes: chunks.length === 1 ? only : Buffer.concat(chunks) });
    };
    const onBroken = (): void => finish({ kind: 'broken' });
    if (req.destroyed) return onBroken();
    req.on('data', take).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
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
