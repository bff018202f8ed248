/** Keeps a failing host from being asked again and again. Errors are not answers, so they are never cached (CIMD draft). */
export interface HostBackoff {
  /** Whether the host may be asked now. */
  mayTry(host: string): boolean;
  failed(host: string): void;
  succeeded(host: string): void;
}

const maxHosts = 1000;
const firstDelayMs = 500;
const maxDelayMs = 60_000;

export function createHostBackoff(now: () => number = Date.now): HostBackoff {
  const failing = new Map<string, { failures: number; until: number }>();
  return {
    mayTry: (host) => (failing.get(host)?.until ?? 0) <= now(),
    failed(host) {
      const failures = (failing.get(host)?.failures ?? 0) + 1;
      failing.delete(host);
      if (failing.size >= maxHosts) failing.delete(failing.keys().next().value as string);
      // The first two failures cost nothing: a person who tries again at once must get a real answer.
      const delay = failures < 3 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - 3));
      failing.set(host, { failures, until: now() + delay });
    },
    succeeded: (host) => void failing.delete(host),
  };
}
