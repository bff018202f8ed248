import { asymmetricAlgorithms } from '../../../shared/signature-algorithms.ts';
import { type Check, Missing } from '../check.ts';
import { type Configuration, type ProviderAnswers, reasonOf } from '../configuration.ts';

type Key = { readonly kty?: unknown; readonly use?: unknown; readonly alg?: unknown };

const isUsable = ({ kty, use, alg }: Key) =>
  ['RSA', 'EC', 'OKP'].includes(String(kty)) &&
  (use === undefined || use === 'sig') &&
  (alg === undefined || asymmetricAlgorithms.includes(String(alg)));

async function problemsOf({ name, discovery, keySet }: ProviderAnswers): Promise<string[]> {
  const found = await discovery().catch(() => {
    throw new Missing('the discovery document cannot be read');
  });
  const algorithms = found?.document.id_token_signing_alg_values_supported;
  if (Array.isArray(algorithms) && !algorithms.some((algorithm) => asymmetricAlgorithms.includes(algorithm)))
    return [`${name}: ID tokens are signed with ${algorithms.join(', ')} only, none of which can be verified here`];
  try {
    const { keys } = await keySet();
    if (!Array.isArray(keys)) return [`${name}: the key set has no keys`];
    return keys.some((key) => isUsable(Object(key) as Key))
      ? []
      : [`${name}: no key of the key set can verify a signature here`];
  } catch (error) {
    return [`${name}: the key set cannot be read: ${reasonOf(error)}`];
  }
}

/** Whether the identity provider's signatures can be verified. */
export const idpKeys: Check<Configuration> = {
  id: 'idp-keys',
  severity: 'error',
  looksAt:
    'The key set of each identity provider can be read, and has a key for an asymmetric algorithm in which it signs ID tokens.',
  hurts: 'Everybody who signs in: the ID token cannot be verified (`login.failed`, id_token_invalid).',
  mend: 'Set the signing algorithm of the application to RS256 or ES256 at the provider (Supabase: leave HS256). Correct `oidc.jwksUrl`.',
  run: async (configuration) => (await Promise.all(configuration.providers().map(problemsOf))).flat(),
};
