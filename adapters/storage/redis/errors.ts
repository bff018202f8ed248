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

const TOO_MANY_CLIENTS = /^ERR max number of clients/;

/**
 * What a caller of the store gets for what the client threw; mistakes in code stay what they are. The message names the
 * kind of failure only: replies and connection errors may hold keys, addresses and names.
 */
export function toStorageError(error: unknown): unknown {
  if (error instanceof StorageUnavailableError || !isOutage(error)) return error;
  return new StorageUnavailableError(`Redis cannot answer: ${kindOf(error)}`, { cause: error });
}

export function isUnknownScript(error: unknown): boolean {
  return replyCode(error) === 'NOSCRIPT';
}

/** Whatever is no reply of the server comes from the connection, unless the client refused the arguments themselves. */
function isOutage(error: unknown): error is Error {
  if (!isError(error) || isMisuse(error)) return false;
  const code = replyCode(error);
  return code === undefined || OUTAGES.includes(code) || TOO_MANY_CLIENTS.test(error.message);
}

/** By name, not by class: an error of Node's own may come from another realm, as it does in jest. */
function isError(error: unknown): error is Error {
  return error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
}

function isMisuse(error: Error): boolean {
  return ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'].includes(error.name);
}

function replyCode(error: unknown): string | undefined {
  return isError(error) ? REPLY.exec(error.message)?.[1] : undefined;
}

function kindOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return replyCode(error) ?? (typeof code === 'string' ? code : error.constructor.name);
}
