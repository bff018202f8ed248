/** What a page's policy depends on. */
export interface PagePolicy {
  /** Of the style element: no other style is applied. */
  readonly nonce: string;
  /** Sources besides `'self'` that the form may lead to: Chromium checks the redirects that follow a post, too. */
  readonly formAction: readonly string[];
  /** Source of the logo; without it no image is loaded. */
  readonly image: "'self'" | 'data:' | undefined;
  /** Whether windows that opened this one lose it. Never on the way of a client: see docs/pages.md. */
  readonly isIsolated: boolean;
}

/** Headers of every page. They replace what the app's own middleware (helmet, say) may have set. */
export function pageHeaders({ nonce, formAction, image, isIsolated }: PagePolicy): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `img-src ${image === 'data:' || image === undefined ? 'data:' : `${image} data:`}`,
    `form-action ${["'self'", ...formAction].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'cross-origin-opener-policy': isIsolated ? 'same-origin' : 'unsafe-none',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}
