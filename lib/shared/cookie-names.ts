import type { Issuer } from './issuer.ts';

/**
 * Names of every cookie this library sets. `__Host-` binds a cookie to host and scheme but asks for `Path=/`, so the
 * name carries the issuer's tag; oidc-provider's path-scoped cookies can only be `__Secure-`.
 */
export function cookieNames(issuer: Issuer): {
  session: string;
  interaction: string;
  resume: string;
  login(state: string): string;
  connect(name: string): string;
} {
  const host = issuer.isSecure ? '__Host-' : '';
  const secure = issuer.isSecure ? '__Secure-' : '';
  return {
    session: `${host}mcp_session_${issuer.tag}`,
    interaction: `${secure}mcp_interaction`,
    resume: `${secure}mcp_resume`,
    login: (state) => `${host}mcp_login_${issuer.tag}_${state.slice(0, 8)}`,
    connect: (name) => `${host}mcp_connect_${issuer.tag}_${name.slice(0, 8)}`,
  };
}

const ours = /^(?:__Host-|__Secure-)?mcp_(?:session|interaction|resume|login|connect)(?:_|\.|$)/;

/** A Cookie header without this library's cookies; undefined when none is left. */
export function withoutOwnCookies(header: string): string | undefined {
  const kept = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !ours.test(pair.split('=', 1)[0] ?? ''));
  return kept.length > 0 ? kept.join('; ') : undefined;
}
