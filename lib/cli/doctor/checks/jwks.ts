import type { Check } from '../check.ts';
import { type Deployment, documentProblem } from '../deployment.ts';

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

/** Whether the keys are public, and nothing else. */
export const jwks: Check<Deployment> = {
  id: 'jwks',
  severity: 'error',
  looksAt: '`jwks_uri` answers a key set with at least one key and no private part (RFC 7517 section 5).',
  hurts:
    'Resource servers elsewhere and JWT access tokens: nothing can be verified. A private part lets everybody sign.',
  mend: 'Let nothing else answer there. If a private part was published, rotate: `express-mcp-auth keys rotate`.',
  run: async ({ probe, serverDocument }) => {
    const { jwks_uri: uri } = await serverDocument();
    if (typeof uri !== 'string' || !URL.canParse(uri)) return { skipped: 'the server metadata has no jwks_uri' };
    const answer = await probe.send(uri);
    const problem = documentProblem(answer);
    if (problem !== undefined) return [problem];
    const { keys } = answer.json ?? {};
    if (!Array.isArray(keys) || keys.length === 0) return [`${uri} has no keys`];
    return keys.some((key) => privateMembers.some((member) => Object.hasOwn(Object(key), member)))
      ? [`${uri} publishes a private key`]
      : [];
  },
};
