import type { OAuthError } from '../errors.ts';
import type { RecordWrite } from '../storage/storage.ts';
import type { Issuer } from './issuer.ts';
import type { Resource } from './resources.ts';

/**
 * A grant of the token endpoint that oidc-provider does not know (RFC 6749 section 4.5). The grants stage decides, the
 * authorization server authenticates the client before and issues the token after.
 */
export interface ExtensionGrant {
  /** The `grant_type`. */
  readonly grantType: string;
  /** Parameters of the request besides `grant_type` and client authentication. */
  readonly parameters: readonly string[];
  /** Decides. What may happen once has happened when access is given, or is said in `once`. */
  redeem(request: GrantRequest): Promise<GivenAccess | GrantRefusal>;
}

/** A token request whose client has authenticated. */
export interface GrantRequest {
  readonly issuer: Issuer;
  /** Of the grant that comes of it; joins events. */
  readonly flowId: string;
  readonly client: {
    readonly clientId: string;
    /** It has no credentials: anybody can say that it is this client. */
    readonly isPublic: boolean;
    /** Scopes by resource that the operator gave the client. */
    readonly resourceScopes: Readonly<Record<string, readonly string[]>> | undefined;
  };
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of the key that a DPoP proof showed (RFC 9449 section 5). */
  readonly proofThumbprint: string | undefined;
}

/** For one account and one resource. */
export interface GivenAccess {
  readonly accountId: string;
  readonly resource: Resource;
  readonly scopes: readonly string[];
  readonly once?: Once;
}

/** A record that may be created once: in the same step as the token that is given for it. */
export interface Once {
  readonly write: RecordWrite;
  /** Where it is there already. */
  readonly refusal: () => GrantRefusal;
  /** Called once it is written with the token. */
  readonly done: () => void;
}

/** The answer, and the exact reason for events. */
export interface GrantRefusal {
  readonly error: OAuthError;
  readonly reason: string;
}
