import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import { formActionAllows } from '../form-action.ts';

/** Whether the browser may follow the form. */
export const formAction: Check<Deployment> = {
  id: 'form-action',
  severity: 'error',
  looksAt:
    'Each `Content-Security-Policy` of the approval page lets its form lead to where the decision leads: to the identity provider and to the client’s redirect URI.',
  hurts:
    "People in Chrome, Edge and other Chromium browsers: they press the button and nothing happens. helmet’s default is `form-action 'self'`.",
  mend: 'Mount `auth` before helmet, and set no `Content-Security-Policy` for `/oauth/*` at the proxy: the page brings its own.',
  run: async ({ authorization }) => {
    const { answer, leftTo, redirectUri } = await authorization.approval();
    if (leftTo !== undefined || answer.status !== 200) throw new Missing('the authorization request shows no page');
    const next = (await authorization.submission()).leftTo;
    const policy = answer.headers['content-security-policy'];
    return [redirectUri, ...(next === undefined ? [] : [next])]
      .filter((target) => !formActionAllows(policy, answer.url, target))
      .map((target) => `form-action of the approval page stops the way to ${new URL(target).origin}`);
  },
};
