import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

const foreign = 'https://attacker.example/callback';

/** Whether codes go only to where they may. */
export const redirectUris: Check<Deployment> = {
  id: 'redirect-uris',
  severity: 'error',
  looksAt:
    'An authorization request with a redirect URI that was not registered is refused with a page, and never leads there (RFC 9700 section 4.1).',
  hurts: 'People: a link from a stranger sends their code to the stranger.',
  mend: 'Do not put a proxy or a hook in front that loosens redirect URIs.',
  run: async ({ authorization }) => {
    const { answer, leftTo } = await authorization.request({ redirect_uri: foreign });
    if (leftTo !== undefined) return [`an unregistered redirect URI is led on to ${new URL(leftTo).origin}`];
    return answer.status >= 400 ? [] : [`an unregistered redirect URI is answered ${answer.status}`];
  },
};
