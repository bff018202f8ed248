import type { LoginRequest } from '../shared/login-request.ts';

/** What is known of a provider before anybody signs in there. */
export interface Choosable {
  /** undefined for the only one. */
  readonly id: string | undefined;
  readonly displayName: string;
  /** Domains of the email addresses of its users, lower case. */
  readonly emailDomains: readonly string[];
  /** Whether it issues identities under this name. */
  issues(iss: string): boolean;
}

/** Where somebody signs in, or what to ask first. */
export type ProviderChoice<Provider extends Choosable> =
  | { readonly kind: 'chosen'; readonly provider: Provider; readonly loginHint?: string }
  | { readonly kind: 'ask'; readonly candidates: readonly Provider[]; readonly isUnknownEmail: boolean };

function domainOf(email: string | null | undefined): string | undefined {
  return email?.includes('@')
    ? email
        .slice(email.lastIndexOf('@') + 1)
        .trim()
        .toLowerCase()
    : undefined;
}

/**
 * The only provider that the resource accepts; else the person's choice; else the one of the domain of an email address,
 * typed here or sent as `login_hint`. A domain only says where to ask: who signs in is what that provider proves.
 * @param accepted ids that the resource accepts; undefined for all
 */
export function chooseProvider<Provider extends Choosable>(
  providers: readonly Provider[],
  accepted: readonly string[] | undefined,
  { choice, loginHint, knownAt }: Pick<LoginRequest, 'choice' | 'loginHint' | 'knownAt'>,
): ProviderChoice<Provider> {
  const candidates = providers.filter(
    ({ id }) => accepted === undefined || (id !== undefined && accepted.includes(id)),
  );
  const email = choice?.email?.trim() || undefined;
  const byDomain = (address: string | undefined) =>
    candidates.find(({ emailDomains }) => emailDomains.includes(domainOf(address) ?? ''));
  const picked = candidates.find(
    ({ id, issues }) => (id !== undefined && id === choice?.provider) || (knownAt !== undefined && issues(knownAt)),
  );
  if (picked) return { kind: 'chosen', provider: picked };
  const typed = byDomain(email);
  if (typed && email !== undefined) return { kind: 'chosen', provider: typed, loginHint: email };
  const [only] = candidates;
  if (only && candidates.length === 1) return { kind: 'chosen', provider: only };
  const hinted = email === undefined ? byDomain(loginHint) : undefined;
  return hinted
    ? { kind: 'chosen', provider: hinted }
    : { kind: 'ask', candidates, isUnknownEmail: email !== undefined };
}
