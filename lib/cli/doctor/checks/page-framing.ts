import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the page can be put into a frame. */
export const pageFraming: Check<Deployment> = {
  id: 'page-framing',
  severity: 'error',
  looksAt: 'The approval page forbids framing: `frame-ancestors` or `X-Frame-Options`.',
  hurts: 'People: a page of a stranger lays it under a button of its own (clickjacking, RFC 6819 section 4.4.1.9).',
  mend: 'Let no proxy drop the page’s `Content-Security-Policy` and `X-Frame-Options`.',
  run: async ({ authorization }) => {
    const { answer, leftTo } = await authorization.approval();
    if (leftTo !== undefined || answer.status !== 200) throw new Missing('the authorization request shows no page');
    const isForbidden =
      /frame-ancestors/i.test(answer.headers['content-security-policy'] ?? '') ||
      /^(deny|sameorigin)/i.test(answer.headers['x-frame-options'] ?? '');
    return isForbidden ? [] : ['the approval page may be framed'];
  },
};
