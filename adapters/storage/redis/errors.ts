import { isNativeError } from 'node:util/types';
import { StorageUnavailableError } from '../../../lib/storage/storage.ts';

/** First words of Redis's error replies that say "not now" or "not here": the server's state, not a mistake in a script. */
const OUTAGES: readonly string[] = [
  'ASK',
  'BUSY', // a script runs for too long
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF', // the disk is full
  'MOVED', // more often than the client follows
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'OOM',
  'READONLY', // a master that became a replica
  'TRYAGAIN', // a slot on its way to another node
  'UNKILLABLE',
  'WRONGPASS',
];

/** Before Redis 7, what a command inside a script said stands behind the place where it was called. */
const REPLY = /^(?:ERR Error running script .*?@user_script: ?\d+: -?)?([A-Z]+)(?: |$)/;

/** JavaScript's own errors are mistakes; whatever else a client rejects with, it got no answer from the server. */
const MISTAKES: readonly string[] = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'];

/** Too many clients; and a long command on a connection that has not signed in yet, which Redis takes for an attack. */
const OUTAGE_TEXT = /^ERR (?:max number of clients|Protocol error: unauthenticated)/;

/**
 * What a caller of the store gets for what the client threw; mistakes in code stay what they are. The message names the
 * kind of failure only: replies and connection errors may hold keys, addresses and names.
 */
export function toStorageError(error: unknown): unknown {
  if (error instanceof StorageUnavailableError || !isOutage(error)) return error;
  return new StorageUnavailableError(`Redis cannot answer (${reasonOf(error)})`, { cause: error });
}

export function isUnknownScript(error: unknown): boolean {
  return replyCode(error) === 'NOSCRIPT';
}

function isOutage(error: unknown): error is Error {
  if (!isNativeError(error)) return false;
  const code = replyCode(error);
  if (code === undefined) return !MISTAKES.includes(error.name);
  return OUTAGES.includes(code) || OUTAGE_TEXT.test(error.message);
}

function replyCode(error: unknown): string | undefined {
  return isNativeError(error) ? REPLY.exec(error.message)?.[1] : undefined;
}

function reasonOf(error: Error): string {
  const { code } = error as { code?: unknown };
  const name = error.constructor.name;
  return replyCode(error) ?? (typeof code === 'string' ? code : name !== 'Error' ? name : 'the connection failed');
}
