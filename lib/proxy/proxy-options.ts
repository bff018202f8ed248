import type { CallingClient } from '../shared/caller.ts';
import type { Identity } from '../shared/identity.ts';

/** What a list of capabilities names: a glob in which `*` stands for any text, for everybody or for holders of a role. */
export type CapabilityEntry =
  | string
  | {
      /** Name of tools or prompts, URI of resources, or URI template. */
      readonly name: string;
      /** The entry counts for callers with one of these roles. @defaultValue everybody */
      readonly roles?: readonly string[];
    };

/** Which capabilities of one kind a caller sees and may use. A match in `deny` hides, whatever `allow` says. */
export interface CapabilityList {
  /** Only what matches is there; `[]` leaves nothing. @defaultValue as `default` says */
  readonly allow?: readonly CapabilityEntry[];
  readonly deny?: readonly CapabilityEntry[];
}

/**
 * What of an upstream's capabilities exists for a caller; a list alone is its `allow`. Names are compared with their case.
 * @example { tools: { allow: ['get_*', { name: 'delete_*', roles: ['admin'] }], deny: ['get_secret'] }, prompts: [] }
 */
export interface Capabilities {
  /** What happens with kinds that have no `allow`: `deny` hides them. @defaultValue 'allow' */
  readonly default?: 'allow' | 'deny';
  readonly tools?: readonly CapabilityEntry[] | CapabilityList;
  readonly prompts?: readonly CapabilityEntry[] | CapabilityList;
  /**
   * Resources by URI. A read names only a URI, so resources and templates are decided together: where one of the two has
   * an `allow`, a URI must match an entry of either.
   */
  readonly resources?: readonly CapabilityEntry[] | CapabilityList;
  /** Resources by URI template (RFC 6570), such as `files://{name}`: the template in lists, and reads of what it expands to. */
  readonly resourceTemplates?: readonly CapabilityEntry[] | CapabilityList;
}

/** Gives the capabilities of one caller. Called for each request; a rejection refuses the request. */
export type CapabilitiesOf = (identity: Identity, client: CallingClient) => Capabilities | Promise<Capabilities>;

/** One JSON-RPC request or notification of a client, before the upstream sees it. */
export interface Call {
  readonly method: string;
  /** Name of the tool or prompt, URI of the resource, id of the task, where the method has one. */
  readonly name?: string;
  /** Arguments of the tool or prompt. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly identity: Identity;
  readonly client: CallingClient;
}

/** Tells the upstream who calls. */
export interface IdentityHeaderOptions {
  /** Header that carries it, such as `x-mcp-identity`. What the client sends under this name never reaches the upstream. */
  readonly header: string;
  /**
   * `jwt`: signed with the issuer's keys (ES256, `typ` `identity+jwt`), of 60 seconds, with `iss`, `aud` (the origin of the
   * target), `sub`, `idp` (the identity provider's issuer), `client_id`, `roles` and `claims`. Keys: `<issuer>/oauth/jwks`.
   */
  readonly format: 'jwt';
}

/** What `auth.proxy(path, options)` does with calls and answers. */
export interface ForwardingOptions {
  /** Capability filter: what of the upstream exists, for everybody, by role, or by function. @defaultValue everything */
  readonly capabilities?: Capabilities | CapabilitiesOf;
  /**
   * The last word on each JSON-RPC request and notification; only `true` lets it pass. Runs after the capability filter;
   * every decision is an event.
   */
  readonly authorize?: (call: Call) => boolean | Promise<boolean>;
  /** Largest answer, and largest event of a stream, that the capability filter reads, bytes. Integer, 1024 to 268435456. @defaultValue 16777216 */
  readonly maxAnswerBytes?: number;
  /** A comment is sent into an event stream that was silent for so long, seconds. Integer, 0 (never) to 3600. @defaultValue 0 */
  readonly heartbeatSeconds?: number;
  readonly identity?: IdentityHeaderOptions;
}
