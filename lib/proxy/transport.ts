import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Header } from '../shared/header-list.ts';
import type { UpstreamProblem } from './upstream-error.ts';

/** One request to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query at the target. */
  readonly path: string;
  /** Everything that is sent, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes where they are known, so that they can be sent again; otherwise the client's own stream. */
  readonly body: Buffer | Readable;
  /** How long the head of the answer may take, milliseconds; 0 for no limit. */
  readonly firstByteTimeoutMs: number;
}

/** What the upstream said. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Errors or closes without `end` where the answer breaks off. Its owner reads it to the end or destroys it. */
  readonly body: Readable;
  /**
   * All of the body, where it came together with the head: for whoever sends it on at once and needs no `body`. Undefined
   * where a part is still to come, and once there is a stream of it.
   */
  readonly takeWhole?: () => Buffer | undefined;
}

/** The request got no answer. */
export class UpstreamFailure extends Error {
  readonly problem: UpstreamProblem;

  constructor(problem: UpstreamProblem, options?: ErrorOptions) {
    super(problem.reason, options);
    this.name = 'UpstreamFailure';
    this.problem = problem;
  }
}

/** Sends requests to one upstream. */
export interface UpstreamTransport {
  /**
   * Ends the request to the upstream where the client leaves before its response is complete.
   * @throws UpstreamFailure
   */
  send(request: UpstreamRequest, res: ServerResponse): Promise<UpstreamResponse>;
  /** Closes idle connections. */
  close(): void;
}
