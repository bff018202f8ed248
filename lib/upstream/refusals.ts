/** How often in a row the upstream refused a token that was renewed because it had refused the one before. */
export interface Refusals {
  readonly count: number;
  /** Of the last renewal, UNIX seconds. */
  readonly at: number;
}

/** So many times at once: a server that was restarted a few times in a row forgets its tokens as often. */
const freeRenewals = 3;
const firstPauseSeconds = 10;
const longestPauseSeconds = 900;

/**
 * Whether a token that the upstream refused may be renewed now. Where it refuses every token, whatever its age, each call
 * would cost a renewal: after a few the pause between them doubles, up to 15 minutes.
 */
export function mayRenewRefused(refusals: Refusals | undefined, now: number): boolean {
  if (!refusals || refusals.count < freeRenewals) return true;
  const pauseSeconds = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** (refusals.count - freeRenewals));
  return now - refusals.at >= pauseSeconds;
}

/** The count after a renewal: one that nothing was refused before leaves it, and a long quiet time forgets it. */
export function refusalsAfter(before: Refusals | undefined, wasRefused: boolean, now: number): Refusals | undefined {
  const isRecent = before !== undefined && now - before.at < 2 * longestPauseSeconds;
  if (!wasRefused) return isRecent ? before : undefined;
  return { count: (isRecent ? before.count : 0) + 1, at: now };
}
