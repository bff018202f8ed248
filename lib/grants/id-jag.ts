import type { EventSink } from '../shared/events.ts';
import type { ExtensionGrant, GrantRefusal, GrantRequest } from '../shared/extension-grant.ts';
import { type AssertedIdentity, accountIdOf, type Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Outbound } from '../shared/outbound.ts';
import { recordId } from '../shared/record-ids.ts';
import { canonicalResource, type Resource, type Resources } from '../shared/resources.ts';
import type { UserPolicy } from '../shared/user-policy.ts';
import type { RecordWrite, Storage } from '../storage/storage.ts';
import { type CheckedClaims, checkClaims, checkConfirmation, isIdentifier, readAssertion } from './id-jag-assertion.ts';
import { createSignatureCheck, type SignatureCheck } from './id-jag-keys.ts';
import { describeIdJagProblem, type IdJagProblem, toIdJagError } from './id-jag-problem.ts';
import type { ResolvedIdJag, ResolvedIdJagIssuer } from './resolve-id-jag-options.ts';
import { chooseResource, chooseScopes, namesResource, scopesOf } from './resource-grant.ts';

export const idJagGrantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** For `authorization_grant_profiles_supported` (ID-JAG draft section 7.2). */
export const idJagProfile = 'urn:ietf:params:oauth:grant-profile:id-jag';

export interface IdJagGrantOptions {
  readonly settings: ResolvedIdJag;
  readonly storage: Storage;
  readonly resources: Resources;
  readonly identities: Identities;
  readonly outbound: Outbound;
  readonly events: EventSink;
  /** The identity by the rules of a browser login. @param subject where the app has said it */
  readonly describeAssertion: (
    claims: CheckedClaims,
    subject?: string,
  ) => Promise<AssertedIdentity | 'tenant_unmapped' | 'subject_refused' | 'user_refused'>;
  /** Id of the login's provider, among several, that issues under a name. */
  readonly providerOf: (iss: string) => string | undefined;
  /** The app's word on a person. */
  readonly userPolicy: UserPolicy | undefined;
  /** Whether the operator has blocked a person. */
  readonly isBlocked: (issuer: Issuer, user: { readonly iss: string; readonly sub: string }) => Promise<boolean>;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

type Trusted = ResolvedIdJagIssuer & { readonly checkSignature: SignatureCheck };

interface Verified {
  readonly trusted: Trusted;
  readonly claims: CheckedClaims;
}

const kind = 'IdJag';

/** The resources of an assertion: all must be ours, as audience and resource are a pair (MCP EMA section 7.6). */
function assertedResources(
  claim: unknown,
  issuer: Issuer,
  resources: Resources,
): readonly Resource[] | undefined | IdJagProblem {
  if (claim === undefined) return undefined;
  const named: unknown[] = Array.isArray(claim) ? claim : [claim];
  const found = named.map((name) => (typeof name === 'string' ? resources.resolve(issuer, name) : undefined));
  if (found.length === 0 || found.includes(undefined)) return { reason: 'resource_foreign' };
  return [...new Set(found as Resource[])];
}

/** What the assertion gives for a resource: without a word on scope, nothing beyond what every request there needs. */
function assertedScopes(
  claim: unknown,
  resource: Resource,
  { allowedScopes }: Trusted,
): readonly string[] | IdJagProblem {
  if (claim !== undefined && typeof claim !== 'string') return { reason: 'scope_foreign' };
  const named = claim === undefined ? resource.scopes : scopesOf(claim);
  const ours = named.filter(
    (scope) => resource.grantableScopes.includes(scope) && (allowedScopes?.includes(scope) ?? true),
  );
  return ours.length === 0 && named.length > 0 ? { reason: 'scope_foreign' } : ours;
}

/** Whether an issuer may speak for a resource: by its own list, and else by the providers whose users the resource takes. */
function speaksFor(trusted: Trusted, issuer: Issuer, resource: Resource, provider: string | undefined): boolean {
  if (trusted.resources) return trusted.resources.some((name) => namesResource(name, issuer, resource));
  const accepted = resource.identityProviders;
  return accepted === undefined || (provider !== undefined && accepted.includes(provider));
}

/** Which resource, and what of it. */
function chooseTarget(
  { trusted, claims }: Verified,
  { issuer, parameters }: GrantRequest,
  resources: Resources,
  provider: string | undefined,
): { resource: Resource; scopes: readonly string[] } | IdJagProblem {
  const asserted = assertedResources(claims.resource, issuer, resources);
  if (asserted && 'reason' in asserted) return asserted;
  const resource = chooseResource(issuer, resources, parameters.resource, asserted);
  if ('reason' in resource) return resource;
  if (!speaksFor(trusted, issuer, resource, provider)) return { reason: 'resource_foreign' };
  const available = assertedScopes(claims.scope, resource, trusted);
  if ('reason' in available) return available;
  const scopes = chooseScopes(parameters.scope, available);
  return 'reason' in scopes ? scopes : { resource, scopes };
}

/** Redeems ID-JAGs (RFC 7523 section 3, ID-JAG draft section 4.4, MCP Enterprise-Managed Authorization). */
export function createIdJagGrant(options: IdJagGrantOptions): ExtensionGrant {
  const { settings, storage, resources, identities, events, now = () => Date.now() } = options;
  const trustedIssuers = new Map<string, Trusted>(
    settings.trustedIssuers.map((issuer) => [
      issuer.issuer,
      { ...issuer, checkSignature: createSignatureCheck(issuer, options.outbound) },
    ]),
  );

  /** From the cheapest check on: an issuer that is not trusted causes no fetch. */
  async function verify({ issuer, client, parameters }: GrantRequest): Promise<Verified | IdJagProblem> {
    const assertion = readAssertion(parameters.assertion);
    if ('reason' in assertion) return assertion;
    const trusted = trustedIssuers.get(assertion.issuer);
    if (!trusted) return { reason: 'issuer_untrusted' };
    const forged = await trusted.checkSignature(parameters.assertion as string);
    if (forged) return forged;
    const problem = checkClaims(assertion.claims, {
      issuer: issuer.identifier,
      clientId: client.clientId,
      clients: trusted.clients,
      maxLifetimeSeconds: settings.maxLifetimeSeconds,
      clockToleranceSeconds: settings.clockToleranceSeconds,
      now: now() / 1000,
    });
    return problem ?? { trusted, claims: assertion.claims as CheckedClaims };
  }

  /** Whom it speaks of, under the subject that a browser login has. */
  async function identify({ trusted, claims }: Verified): Promise<AssertedIdentity | IdJagProblem> {
    try {
      const subject = trusted.subjectOf && (await trusted.subjectOf(claims));
      if (trusted.subjectOf && !isIdentifier(subject)) return { reason: 'subject_refused' };
      const described = await options.describeAssertion(claims, subject);
      if (typeof described === 'string') return { reason: described };
      const { roles = described.roles, claims: more } = (await trusted.mapIdentity?.(claims)) ?? {};
      return { ...described, claims: { ...described.claims, ...more }, ...(roles && { roles }) };
    } catch (error) {
      return { reason: 'mapping_failed', cause: (error as Error).message };
    }
  }

  /** The app's word on the person, of whom it sees what a login has said as well. */
  async function judge(
    { issuer, client }: GrantRequest,
    identity: AssertedIdentity,
    resource: Resource,
  ): Promise<IdJagProblem | undefined> {
    if (await options.isBlocked(issuer, identity)) return { reason: 'user_refused' };
    if (!options.userPolicy) return undefined;
    const known = await identities.find(issuer, accountIdOf(identity));
    const { roles = known?.roles ?? [], claims } = identity;
    const wanted = { client: { id: client.clientId }, resource: canonicalResource(issuer, resource) };
    const verdict = await options.userPolicy({ ...identity, roles, claims: { ...known?.claims, ...claims } }, wanted);
    if (verdict.kind === 'allowed') return undefined;
    if (verdict.kind === 'refused') return { reason: 'user_refused' };
    return { reason: 'mapping_failed', cause: verdict.reason };
  }

  /** Created once: of all replicas one does it. Kept longer than any clock would let the assertion live. */
  function useOf({ iss, jti, exp }: CheckedClaims, issuer: Issuer): RecordWrite | undefined {
    if (settings.replay === 'until-expiry') return undefined;
    const id = recordId(issuer, JSON.stringify([kind, iss, jti]));
    const expiresAt = Math.ceil(exp) + 2 * settings.clockToleranceSeconds + 60;
    return { kind, id, value: {}, options: { expiresAt } };
  }

  function refuse(problem: IdJagProblem): GrantRefusal {
    return { error: toIdJagError(problem), reason: describeIdJagProblem(problem) };
  }

  return {
    grantType: idJagGrantType,
    parameters: ['assertion', 'scope', 'resource', 'authorization_details'],
    async redeem(request) {
      const { issuer, client, parameters, flowId } = request;
      if (client.isPublic && !settings.allowPublicClients) return refuse({ reason: 'client_is_public' });
      if (parameters.authorization_details !== undefined)
        return refuse({ reason: 'authorization_details_unsupported' });
      const verified = await verify(request);
      if ('reason' in verified) return refuse(verified);
      const { claims } = verified;
      const unproven = checkConfirmation(claims.cnf, request.proofThumbprint);
      if (unproven) return refuse(unproven);
      const target = chooseTarget(verified, request, resources, options.providerOf(claims.iss));
      if ('reason' in target) return refuse(target);
      const identity = await identify(verified);
      if ('reason' in identity) return refuse(identity);
      const unwelcome = await judge(request, identity, target.resource);
      if (unwelcome) return refuse(unwelcome);
      const accepted = (accountId: string) =>
        events.emit({
          type: 'id_jag.accepted',
          flowId,
          clientId: client.clientId,
          subject: accountId,
          identityIssuer: claims.iss,
          sub: claims.sub,
          resource: canonicalResource(issuer, target.resource),
        });
      const use = useOf(claims, issuer);
      const knownAccountId = use && (await identities.known(issuer, identity));
      if (use && knownAccountId !== undefined) {
        // Last, with the token: a request that is refused for anything else does not use the assertion up.
        const once = {
          write: use,
          refusal: () => refuse({ reason: 'replayed' }),
          done: () => accepted(knownAccountId),
        };
        return { accountId: knownAccountId, ...target, once };
      }
      // Before anything is written of the user: an assertion that comes again must not bring back what it once said.
      if (use && !(await storage.create(use.kind, use.id, use.value, use.options)))
        return refuse({ reason: 'replayed' });
      const accountId = await identities.assert(issuer, identity);
      accepted(accountId);
      return { accountId, ...target };
    },
  };
}
