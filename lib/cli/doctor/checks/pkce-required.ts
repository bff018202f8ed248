import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether PKCE is more than a word in the metadata. */
export const pkceRequired: Check<Deployment> = {
  id: 'pkce-required',
  severity: 'error',
  looksAt: 'An authorization request without `code_challenge` is refused (OAuth 2.1 section 4.1.1).',
  hurts: 'People: a code that somebody gets hold of can be redeemed.',
  mend: 'Do not let a hook or proxy add or drop the parameters of PKCE.',
  run: async ({ authorization }) => {
    const { answer, leftTo } = await authorization.request({
      code_challenge: undefined,
      code_challenge_method: undefined,
    });
    const isRefused = leftTo === undefined ? answer.status >= 400 : new URL(leftTo).searchParams.has('error');
    return isRefused ? [] : ['an authorization request without code_challenge is accepted'];
  },
};
