import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the identity provider knows this server's redirect URI. */
export const idpCallback: Check<Deployment> = {
  id: 'idp-callback',
  severity: 'error',
  looksAt:
    'After the approval the browser goes to the identity provider with a `redirect_uri` of this server, and the provider does not refuse it. The run prints it: it is to be registered there, exactly.',
  hurts:
    'Everybody: the sign-in ends with an error page of the identity provider (redirect_uri_mismatch, AADSTS50011).',
  mend: 'Register the redirect URI that doctor prints at the identity provider, with the same scheme, host and path.',
  run: async ({ authorization, issuer, probe }) => {
    const { answer, leftTo } = await authorization.submission();
    if (leftTo === undefined) {
      if (answer.status >= 500) return [`the way to the identity provider is answered ${answer.status}`];
      throw new Missing('the sign-in is a page of this server');
    }
    const redirectUri = new URL(leftTo).searchParams.get('redirect_uri');
    if (redirectUri === null) throw new Missing('the sign-in has no redirect_uri');
    if (URL.parse(redirectUri)?.origin !== new URL(await issuer()).origin)
      return [`redirect_uri at the identity provider is ${redirectUri}, not of ${await issuer()}`];
    const there = await probe.send(leftTo, { headers: { accept: 'text/html' } }).catch(() => {
      throw new Missing('the identity provider does not answer this machine');
    });
    return there.status >= 400
      ? [`${new URL(leftTo).origin} answers ${there.status} to the sign-in with redirect_uri ${redirectUri}`]
      : [];
  },
};
