import type { UpstreamCredential, UpstreamCredentials } from '../shared/upstream-credentials.ts';
import type { StaticHeaders } from './static-headers.ts';

/** Every kind of credential, as its constructor made it. */
type UpstreamMode = StaticHeaders;

const modes: { readonly [Mode in UpstreamMode['mode']]: true } = { 'static-headers': true };

/** Whether a value was made by one of the constructors. */
export function isUpstreamMode(value: unknown): value is UpstreamCredential {
  const mode = (value as { mode?: unknown } | null | undefined)?.mode;
  return typeof mode === 'string' && Object.hasOwn(modes, mode);
}

/** The credentials of one upstream as its mode says. */
export function createUpstreamCredentials(credential: UpstreamCredential): UpstreamCredentials {
  const mode = credential as UpstreamMode;
  return {
    async forRequest({ req, refusal }) {
      if (refusal) return { kind: 'refused', reason: `status ${refusal.status}` };
      try {
        return { kind: 'headers', headers: await mode.headers(req) };
      } catch {
        // Its error may quote a secret.
        return { kind: 'unavailable', reason: 'a header function failed', retryAfterSeconds: 5 };
      }
    },
  };
}
