import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import type { Header } from '../shared/header-list.ts';
import { UpstreamFailure, type UpstreamRequest, type UpstreamResponse, type UpstreamTransport } from './transport.ts';

type Controller = Dispatcher.DispatchController;

interface Settle {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (failure: UpstreamFailure) => void;
}

const textOf = (field: Buffer | string | undefined) => field?.toString('latin1') ?? '';

/** Raw headers in pairs: one byte is one character, as in Node's own. */
function toHeaders(raw: Controller['rawHeaders']): Header[] {
  const fields = (raw ?? []) as readonly (Buffer | string)[];
  const headers: Header[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2)
    headers.push([textOf(fields[index]), textOf(fields[index + 1])]);
  return headers;
}

/** The code that Node's own client has for the same cause. */
function codeOf(error: Error): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'HPE_HEADER_OVERFLOW';
  if (code === undefined && error.name === 'HTTPParserError') return 'HPE_INVALID_CONSTANT';
  if (code !== 'UND_ERR_SOCKET') return code ?? 'error';
  if (message === 'bad upgrade') return 'closed';
  return (error.cause as NodeJS.ErrnoException | undefined)?.code ?? 'ECONNRESET';
}

/** What an answer may bring before anybody has asked for its body. */
const maxEarlyBytes = 65_536;

/** One exchange with the upstream, and its answer. */
class Exchange implements Dispatcher.DispatchHandler, UpstreamResponse {
  status = 0;
  headers: readonly Header[] = [];
  readonly #settle: Settle;
  #controller: Controller | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Made when something asks for it: most answers of MCP come whole, and are sent on without a stream. */
  #body: Readable | undefined;
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #hasHead = false;
  #isComplete = false;
  #failure: Error | undefined;
  #isTimedOut = false;
  #isOver = false;

  constructor(settle: Settle, timeoutMs: number) {
    this.#settle = settle;
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#timeOut(), timeoutMs);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('nobody waits for the answer any more'));
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) return; // What an upstream says on the way to its answer.
    clearTimeout(this.#timer);
    this.status = status;
    this.headers = toHeaders(controller.rawHeaders);
    this.#hasHead = true;
    this.#settle.resolve(this);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#body) {
      if (!this.#body.push(chunk)) controller.pause();
      return;
    }
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > maxEarlyBytes) controller.pause();
  }

  onResponseEnd(): void {
    this.#isOver = true;
    this.#isComplete = true;
    this.#body?.push(null);
  }

  get body(): Readable {
    this.#body ??= this.#openBody();
    return this.#body;
  }

  takeWhole(): Buffer | undefined {
    if (!this.#isComplete || this.#body) return undefined;
    return this.#early.length === 1 ? this.#early[0] : Buffer.concat(this.#early);
  }

  #openBody(): Readable {
    const body = new Readable({
      read: () => this.#controller?.resume(),
      destroy: (error, done) => {
        this.end();
        done(error);
      },
    });
    for (const chunk of this.#early) body.push(chunk);
    if (this.#isComplete) body.push(null);
    if (this.#failure) body.destroy(this.#failure);
    return body;
  }

  onResponseError(_controller: Controller, error: Error): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    if (this.#hasHead) {
      this.#failure = error;
      this.#body?.destroy(error);
      return;
    }
    const problem = this.#isTimedOut
      ? ({ reason: 'timed_out' } as const)
      : ({ reason: 'unreachable', code: codeOf(error) } as const);
    this.#settle.reject(new UpstreamFailure(problem, { cause: error }));
  }

  /** Ends what is still open at the upstream. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.abort(new Error('the client has gone'));
  }

  #timeOut(): void {
    this.#isTimedOut = true;
    const error = new Error('first byte timeout');
    if (this.#controller) return this.#controller.abort(error);
    this.#isOver = true; // What nobody waits for is not sent when the connection stands at last.
    this.#settle.reject(new UpstreamFailure({ reason: 'timed_out' }, { cause: error }));
  }
}

/**
 * Requests by undici's pool of connections: an exchange costs less than half of one by Node's own client. It waits as long
 * as that one: only the first-byte timeout ends a request.
 */
export function createPoolTransport(target: URL): UpstreamTransport {
  let opening: Promise<Pool> | undefined;
  let opened: Pool | undefined;
  let isClosed = false;

  /** Loaded with the first request: a process without a proxy does without. */
  async function open(): Promise<Pool> {
    const { Pool } = await import('undici');
    const pool = new Pool(target.origin, {
      connections: null,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 0 },
    });
    if (isClosed) await pool.destroy();
    opened = pool;
    return pool;
  }

  function dispatch(pool: Pool, request: UpstreamRequest, res: ServerResponse): Promise<UpstreamResponse> {
    const { method, path, headers, body, firstByteTimeoutMs } = request;
    return new Promise((resolve, reject) => {
      const exchange = new Exchange({ resolve, reject }, firstByteTimeoutMs);
      res.once('close', () => exchange.end());
      pool.dispatch(
        { method: method as Dispatcher.HttpMethod, path, headers: headers as Record<string, string>, body },
        exchange,
      );
    });
  }

  async function sendFirst(request: UpstreamRequest, res: ServerResponse): Promise<UpstreamResponse> {
    opening ??= open();
    const pool = await opening;
    if (res.destroyed) throw new UpstreamFailure({ reason: 'unreachable', code: 'closed' }); // Left while undici was loaded.
    return dispatch(pool, request, res);
  }

  return {
    send: (request, res) => (opened ? dispatch(opened, request, res) : sendFirst(request, res)),
    close() {
      isClosed = true;
      opening?.then((pool) => pool.destroy()).catch(() => undefined);
    },
  };
}
