import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the flow of MCP clients is advertised. */
export const codeFlow: Check<Deployment> = {
  id: 'code-flow',
  severity: 'error',
  looksAt:
    '`response_types_supported` lists `code`; `grant_types_supported` lists `authorization_code` and `refresh_token`.',
  hurts:
    'Claude stops without `code`; Zed and MCP SDKs ask for no refresh token where the grant is not listed, so people sign in every hour.',
  mend: 'Leave both to this library; `configureProvider` must not narrow them.',
  run: async ({ serverDocument }) => {
    const { response_types_supported: types, grant_types_supported: grants } = await serverDocument();
    const lists = (value: unknown, name: string) => Array.isArray(value) && value.includes(name);
    return [
      ...(lists(types, 'code') ? [] : ['response_types_supported does not list code']),
      ...['authorization_code', 'refresh_token']
        .filter((grant) => !lists(grants, grant))
        .map((grant) => `grant_types_supported does not list ${grant}`),
    ];
  },
};
