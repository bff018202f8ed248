import type { ServerResponse } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { isNamed, valuesOf } from '../shared/header-list.ts';
import { readBounded } from './bounded-body.ts';
import { decode } from './content-coding.ts';
import { createEventStreamFilter, EventTooLargeError } from './event-stream-filter.ts';
import { responsePolicy } from './header-policy.ts';
import { keepAwake } from './heartbeat.ts';
import type { Filtered } from './message-filter.ts';
import type { UpstreamResponse } from './transport.ts';
import type { UpstreamProblem } from './upstream-error.ts';

/** What an answer begins with. */
export type AnswerHead = Pick<UpstreamResponse, 'status' | 'headers'>;

/** How an upstream's answer goes to the client. */
export interface DeliveryRules {
  /** Takes out what the caller may not see; absent where everything passes. */
  readonly filter?: ((text: string) => Filtered) | undefined;
  readonly maxAnswerBytes: number;
  /** How long an answer that is filtered as a whole may take, milliseconds; 0 for no limit. */
  readonly answerTimeoutMs: number;
  /** 0 for none. */
  readonly heartbeatSeconds: number;
  /** Told how an event stream without an end of its own can be ended; absent for the answer to a call. */
  readonly onStream?: ((end: () => void) => void) | undefined;
}

/** Headers that a filtered answer has no more, or others. */
const ofUnfilteredBody = new Set(['content-encoding', 'content-length', 'etag', 'last-modified']);

/** Whether an answer's type names another one; found anywhere in it, as clients look for it, too. */
function isOfType({ headers }: AnswerHead, type: RegExp): boolean {
  return headers.some(([name, value]) => isNamed(name, 'content-type') && type.test(value));
}

const isEventStream = (head: AnswerHead) => isOfType(head, /\btext\/event-stream\b/i);
const isJson = (head: AnswerHead) => isOfType(head, /\bjson\b/i);

/** Bytes that Node reads but does not write (RFC 9110 section 5.5). */
const unwritable = /[^\t -~\x80-\xff]/;

/** Allowed headers in Node's flat form; Node frames the body itself. */
function headOf({ headers }: AnswerHead, isFiltered: boolean): string[] {
  const head: string[] = [];
  for (const [name, value] of responsePolicy(headers)) {
    const lower = name.toLowerCase();
    if (lower === 'transfer-encoding' || (isFiltered && ofUnfilteredBody.has(lower)) || unwritable.test(value))
      continue;
    let at = 0;
    while (at < head.length && head[at] !== lower) at += 2;
    head[at + 1] = at < head.length ? `${head[at + 1]}, ${value}` : value;
    head[at] = lower;
  }
  return head;
}

/** @param length of the body, where it is known otherwise than by the upstream's word */
function writeHead(res: ServerResponse, answer: AnswerHead, isFiltered: boolean, length?: number): void {
  const head = headOf(answer, isFiltered);
  if (!head.includes('x-accel-buffering')) head.push('x-accel-buffering', 'no');
  head.push('connection', res.shouldKeepAlive ? 'keep-alive' : 'close');
  if (length !== undefined && !head.includes('content-length')) head.push('content-length', String(length));
  res.writeHead(answer.status, head);
}

/** A body up to this size leaves in one piece with the head, as text of one byte a character. */
const maxJoinedBytes = 16_384;

/** An answer that is there already, all of it. */
function sendWhole(answer: AnswerHead, body: Buffer, res: ServerResponse): void {
  writeHead(res, answer, false, isBodiless(answer.status) ? undefined : body.length);
  if (body.length > maxJoinedBytes) res.end(body);
  else res.end(body.toString('latin1'), 'latin1');
}

/** Passes a body on as it comes; one that breaks off must not look complete. */
function stream(body: Readable, res: ServerResponse): void {
  body.once('error', () => res.destroy());
  body.once('close', () => {
    if (!body.readableEnded) res.destroy();
  });
  body.pipe(res);
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

/** Without the byte order mark that a JSON parser does not know and clients take off (RFC 8259 section 8.1). */
const textOf = (bytes: Buffer) => new TextDecoder().decode(bytes);

/** An answer that is filtered as a whole. */
async function sendFiltered(
  head: AnswerHead,
  content: Readable,
  res: ServerResponse,
  filter: (text: string) => Filtered,
  { maxAnswerBytes, answerTimeoutMs }: DeliveryRules,
): Promise<UpstreamProblem | undefined> {
  const bytes = await readBounded(content, maxAnswerBytes, answerTimeoutMs);
  if (bytes === 'timed_out') return { reason: 'timed_out' };
  if (bytes === 'too_large') return { reason: 'unreadable', detail: 'too large' };
  if (bytes === 'broken') return { reason: 'unreachable', code: 'broken off' };
  const filtered: Filtered = bytes.length === 0 ? { kind: 'same' } : filter(textOf(bytes));
  if (filtered.kind === 'dropped') return { reason: 'unreadable', detail: 'nothing to tell' };
  // What no client reads as a message may pass: the text of an error, or the `Accepted` of a notification.
  if (filtered.kind === 'unreadable' && isJson(head) && head.status < 400)
    return { reason: 'unreadable', detail: 'not JSON' };
  const text = filtered.kind === 'changed' ? Buffer.from(filtered.text) : bytes;
  writeHead(res, head, true, isBodiless(head.status) ? undefined : text.length);
  res.end(text);
  return undefined;
}

/**
 * Sends an upstream's answer to the client.
 * @param head what the client is told of it
 * @returns why it could not be; a promise only where it must be read before
 */
export function deliver(
  response: UpstreamResponse,
  head: AnswerHead,
  res: ServerResponse,
  rules: DeliveryRules,
  onBroken: (problem: UpstreamProblem) => void,
): UpstreamProblem | undefined | Promise<UpstreamProblem | undefined> {
  const { filter, heartbeatSeconds } = rules;
  const whole = filter ? undefined : response.takeWhole?.();
  if (whole) return void sendWhole(head, whole, res);
  const isStream = isEventStream(head);
  let source = response.body;
  if (filter) {
    const content = decode(source, valuesOf(head.headers, 'content-encoding').join());
    if (!content || (isStream && isJson(head))) {
      source.destroy();
      return { reason: 'unreadable', detail: content ? 'two content types' : 'unknown content coding' };
    }
    if (!isStream) return sendFiltered(head, content, res, filter, rules);
    const filtering = createEventStreamFilter(filter, rules.maxAnswerBytes);
    filtering.once('error', (error) => {
      if (error instanceof EventTooLargeError) onBroken({ reason: 'unreadable', detail: 'too large an event' });
    });
    source = pipeline(content, filtering, () => undefined); // How it ends, `stream` hears from its last part.
  }
  writeHead(res, head, filter !== undefined);
  // An event stream may stay without an event for long; Node keeps the head back until the first one.
  if (isStream) res.flushHeaders();
  if (isStream && heartbeatSeconds > 0) keepAwake(source, res, heartbeatSeconds);
  stream(source, res);
  if (isStream)
    rules.onStream?.(() => {
      source.unpipe(res);
      res.end();
    });
  res.once('close', () => source.destroy());
  return undefined;
}
