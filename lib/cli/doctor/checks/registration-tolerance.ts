import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

const untidy = {
  client_name: 'express-mcp-auth doctor',
  client_uri: null,
  logo_uri: null,
  redirect_uris: ['http://127.0.0.1:33418/callback'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  scope: 'claudeai doctor:unknown',
  an_unknown_member: true,
};

/** Whether a registration may hold more than the server knows. */
export const registrationTolerance: Check<Deployment> = {
  id: 'registration-tolerance',
  severity: 'error',
  looksAt:
    'A registration with null members, an unknown scope and an unknown grant is accepted: a server may replace values (RFC 7591 section 2).',
  hurts:
    'Claude (the scope `claudeai`), VS Code (the device grant), n8n and others that send null: they cannot connect.',
  mend: 'Drop what is not known instead of refusing it; this library does.',
  run: async ({ registrations, serverDocument }) => {
    const { registration_endpoint: endpoint } = await serverDocument();
    if (endpoint === undefined) return { skipped: 'the server registers nobody' };
    const { status, json } = await registrations.register(untidy);
    if (status === 201 && typeof json?.client_id === 'string') return [];
    return [`a registration with null, an unknown scope and an unknown grant is answered ${status}`];
  },
};
