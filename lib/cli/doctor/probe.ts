import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { Agent, request } from 'undici';

/** An answer, read up to a bound. */
export interface Answer {
  readonly url: string;
  readonly status: number;
  /** By lower-case name; several of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly text: string;
  /** The body as a JSON object; undefined where it is none. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** What is sent. */
export interface ProbeRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request got no answer. */
export class ProbeError extends Error {
  readonly kind: 'tls' | 'unreachable';

  constructor(kind: 'tls' | 'unreachable', url: string, cause: unknown) {
    const { code, message } = (cause ?? {}) as { code?: string; message?: string };
    super(`${new URL(url).origin} gives no answer: ${code ?? message ?? 'unknown'}`, { cause });
    this.name = 'ProbeError';
    this.kind = kind;
  }
}

/** How a deployment is reached. */
export interface ProbeOptions {
  /** Certificate authorities in PEM, instead of the system's. */
  readonly ca?: string;
  /** Where names point. @defaultValue `dns.lookup` */
  readonly lookup?: LookupFunction;
  /** Limit of one request, milliseconds. */
  readonly timeoutMs: number;
}

/** How long an answer took to begin. */
export interface Timing {
  readonly method: string;
  readonly url: string;
  readonly firstByteMs: number;
}

/** What one read of an answer brought. */
export interface Piece {
  readonly text: string;
  readonly afterMs: number;
}

/** The HTTP client of `doctor`: follows no redirect, unpacks nothing, remembers how long each answer took. */
export interface Probe {
  send(url: string, request?: ProbeRequest): Promise<Answer>;
  /** Opens an answer without reading it. @returns undefined where no head came within the limit */
  open(url: string, request: ProbeRequest, limitMs: number): Promise<Omit<Answer, 'text' | 'json'> | undefined>;
  /** Reads an answer piece by piece, each with the time since the request, milliseconds. */
  read(
    url: string,
    request: ProbeRequest,
  ): Promise<Omit<Answer, 'text' | 'json'> & { readonly pieces: readonly Piece[] }>;
  readonly timings: readonly Timing[];
  close(): Promise<void>;
}

const maxBodyBytes = 1024 * 1024;
const isTlsCode = (code: string) => /^(CERT_|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code);

function failure(url: string, error: unknown): ProbeError {
  const isTls = isTlsCode(String((error as { code?: unknown }).code ?? ''));
  return new ProbeError(isTls ? 'tls' : 'unreachable', url, error);
}

function flat(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return Object.fromEntries(entries);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBodyBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The client of one run. */
export function createProbe({ ca, lookup, timeoutMs }: ProbeOptions): Probe {
  const agent = new Agent({
    connect: { ...(ca !== undefined && { ca }), ...(lookup && { lookup }), timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const timings: Timing[] = [];

  async function start(url: string, { method = 'GET', headers = {}, body }: ProbeRequest, signal?: AbortSignal) {
    const startedAt = performance.now();
    const response = await request(url, {
      method,
      headers: { 'user-agent': 'express-mcp-auth doctor', ...headers },
      dispatcher: agent,
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
    timings.push({ method, url: url.split('?', 1)[0] ?? url, firstByteMs: performance.now() - startedAt });
    const setCookies = [response.headers['set-cookie'] ?? []].flat();
    return { url, status: response.statusCode, headers: flat(response.headers), setCookies, body: response.body };
  }

  return {
    timings,

    async send(url, given = {}) {
      try {
        const { body, ...answer } = await start(url, given);
        const text = await readText(body);
        return { ...answer, text, json: parseObject(text) };
      } catch (error) {
        throw failure(url, error);
      }
    },

    async open(url, given, limitMs) {
      const limit = AbortSignal.timeout(limitMs);
      try {
        const { body, ...answer } = await start(url, given, limit);
        body.on('error', () => {}).destroy();
        return answer;
      } catch (error) {
        if (limit.aborted) return undefined;
        throw failure(url, error);
      }
    },

    async read(url, given) {
      const startedAt = performance.now();
      try {
        const { body, ...answer } = await start(url, given);
        const pieces: Piece[] = [];
        // By event: an iterator hands over at once what was read in several steps.
        body.on('data', (chunk: Buffer) =>
          pieces.push({ text: chunk.toString('utf8'), afterMs: performance.now() - startedAt }),
        );
        await once(body, 'end');
        return { ...answer, pieces };
      } catch (error) {
        throw failure(url, error);
      }
    },

    close: () => agent.destroy(),
  };
}
