import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

const decoders: { readonly [coding: string]: () => NodeJS.ReadWriteStream } = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** No server nests them, and each one multiplies what the next has to unpack (CWE-409). */
const maxCodings = 2;

/**
 * The content of a body behind its codings (RFC 9110 section 8.4). None were asked for, but some servers code anyway. It fails
 * where the body breaks off.
 * @returns undefined for an unknown coding, and for more of them than {@link maxCodings}
 */
export function decode(body: Readable, contentEncoding: string): Readable | undefined {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > maxCodings) return undefined;
  let content = body;
  for (const coding of codings.reverse()) {
    const create = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
    if (!create) return undefined;
    const decoder = create() as unknown as Readable & NodeJS.WritableStream;
    const source = content;
    source.once('error', (error) => decoder.destroy(error));
    source.once('close', () => {
      if (!source.readableEnded) decoder.destroy(new Error('the body broke off'));
    });
    decoder.once('close', () => source.destroy());
    content = source.pipe(decoder);
  }
  return content;
}
