import type { Check } from '../check.ts';
import type { Configuration } from '../configuration.ts';

const commonWords =
  /password|passwort|changeme|change-me|change_me|example|default|secret|0123456789|abcdefgh|qwerty|development|production/i;
const minDistinct = 8;
const minClientSecret = 22; // 128 bits as base64url.

/** Why a secret can be guessed; undefined where it looks random. */
export function weaknessOf(secret: string): string | undefined {
  if (new Set(secret).size < minDistinct) return `has fewer than ${minDistinct} different characters`;
  if (/\s/.test(secret) && /^[\p{L}\s.,;:'’-]+$/u.test(secret)) return 'is made of words';
  return commonWords.test(secret) ? 'holds a word that guesses begin with' : undefined;
}

/** Whether secrets can be guessed. */
export const weakSecret: Check<Configuration> = {
  id: 'weak-secret',
  severity: 'error',
  looksAt: '`secret`, `registration.initialAccessToken` and the secrets of `clients` look random.',
  hurts: 'Everybody: cookies, signing keys and upstream tokens are protected by `secret` alone.',
  mend: 'Make a new one: `openssl rand -base64 48`. For `secret` give `[new, old]`, so that what is stored can still be read.',
  run: (configuration) => {
    const { secrets, clients } = configuration.inspection().settings;
    const { initialAccessToken } = clients.registration;
    const named: [name: string, secret: unknown, minLength: number][] = [
      ...(secrets ?? []).map((secret, index): [string, unknown, number] => [
        index === 0 ? 'secret' : `secret[${index}]`,
        secret,
        32,
      ]),
      ['registration.initialAccessToken', initialAccessToken, minClientSecret],
      ...clients.fixed.map((client): [string, unknown, number] => [
        `client_secret of the client ${client.client_id}`,
        client.client_secret,
        minClientSecret,
      ]),
    ];
    return named.flatMap(([name, secret, minLength]) => {
      if (typeof secret !== 'string') return [];
      const weakness = secret.length < minLength ? `is shorter than ${minLength} characters` : weaknessOf(secret);
      return weakness === undefined ? [] : [`${name} ${weakness}`];
    });
  },
};
