import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether answers name their issuer. */
export const issParameter: Check<Deployment> = {
  id: 'iss-parameter',
  severity: 'error',
  looksAt:
    '`authorization_response_iss_parameter_supported` is true, and an authorization answer has `iss` with the issuer, errors included (RFC 9207).',
  hurts:
    'ChatGPT keeps its stable metadata document for servers that say so; Goose refuses an answer whose `iss` is missing or another one.',
  mend: 'Leave `iss` to this library, and let nothing rewrite redirects on their way.',
  run: async ({ authorization, issuer, serverDocument }) => {
    const { authorization_response_iss_parameter_supported: flag } = await serverDocument();
    if (flag !== true) return ['authorization_response_iss_parameter_supported is not true'];
    const { leftTo } = await authorization.request({ response_type: 'doctor' });
    const answered = leftTo === undefined ? undefined : new URL(leftTo).searchParams;
    if (!answered?.has('error')) return { skipped: 'an unknown response_type is not answered at the redirect URI' };
    const iss = answered.get('iss');
    return iss === (await issuer())
      ? []
      : [`an error at the redirect URI has iss ${iss ?? 'none'} instead of ${await issuer()}`];
  },
};
