import type { ResolvedClients } from '../resolve-client-options.ts';
import type { EventSink } from '../shared/events.ts';
import type { ExtensionGrant } from '../shared/extension-grant.ts';
import type { Identities } from '../shared/identity.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { Resources } from '../shared/resources.ts';
import type { Storage } from '../storage/storage.ts';
import { createClientCredentialsGrant } from './client-credentials.ts';
import { createIdJagGrant, type IdJagGrantOptions, idJagProfile } from './id-jag.ts';
import type { ResolvedIdJag } from './resolve-id-jag-options.ts';

export interface ExtensionGrantOptions
  extends Pick<IdJagGrantOptions, 'describeAssertion' | 'providerOf' | 'userPolicy' | 'isBlocked'> {
  readonly idJag: ResolvedIdJag | undefined;
  readonly clients: Pick<ResolvedClients, 'fixed' | 'load'>;
  readonly storage: Storage;
  readonly resources: Resources;
  readonly identities: Identities;
  readonly events: EventSink;
  /** The client for the identity providers' keys. @param hosts that may be private, as the operator named them */
  readonly outboundTo: (urls: readonly (string | undefined)[]) => Outbound;
}

/** Which grants beside self-service client metadata may name. */
export function grantPolicyOf(idJag: ResolvedIdJag | undefined): { jwtBearer: boolean; publicJwtBearer: boolean } {
  return { jwtBearer: idJag !== undefined, publicJwtBearer: idJag?.allowPublicClients === true };
}

/** The grants that oidc-provider does not know, as far as the options turn them on, with what metadata says of them. */
export function createExtensionGrants({ idJag, clients, outboundTo, ...rest }: ExtensionGrantOptions): {
  readonly extensionGrants: readonly ExtensionGrant[];
  readonly extensionMetadata: Readonly<Record<string, unknown>>;
} {
  const hasMachines =
    clients.load !== undefined || clients.fixed.some((client) => client.grant_types?.includes('client_credentials'));
  const urls = idJag?.trustedIssuers.flatMap(({ issuer, jwksUrl }) => [issuer, jwksUrl]) ?? [];
  return {
    extensionGrants: [
      ...(hasMachines ? [createClientCredentialsGrant(rest)] : []),
      ...(idJag ? [createIdJagGrant({ ...rest, settings: idJag, outbound: outboundTo(urls) })] : []),
    ],
    // Never the issuers that are trusted (ID-JAG draft section 7.2).
    extensionMetadata: idJag ? { authorization_grant_profiles_supported: [idJagProfile] } : {},
  };
}
