import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

const required = ['authorization_endpoint', 'token_endpoint'];
const optional = [
  'registration_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
  'jwks_uri',
  'pushed_authorization_request_endpoint',
];

/** Whether the endpoints are where the public is. */
export const endpointUrls: Check<Deployment> = {
  id: 'endpoint-urls',
  severity: 'error',
  looksAt:
    'Every endpoint of the server metadata is an absolute URL at the issuer’s origin, and those that every client needs are there.',
  hurts: 'Every client behind a TLS-terminating proxy: http or an internal host name leads nowhere.',
  mend: 'Set `issuer` to the public URL, and behind a proxy Express’s `trust proxy`.',
  run: async ({ issuer, serverDocument }) => {
    const document = await serverDocument();
    const origin = new URL(await issuer()).origin;
    const missing = required
      .filter((name) => document[name] === undefined)
      .map((name) => `the server metadata has no ${name}`);
    const foreign = [...required, ...optional]
      .filter((name) => document[name] !== undefined && URL.parse(String(document[name]))?.origin !== origin)
      .map((name) => `${name} is ${String(document[name])}, the issuer is at ${origin}`);
    return [...missing, ...foreign];
  },
};
