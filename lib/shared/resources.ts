import { ConfigurationError } from '../errors.ts';
import type { Issuer } from './issuer.ts';

/** A protected resource: an MCP route of this server, or of another one that trusts this issuer (RFC 9728 section 1.2). */
export interface Resource {
  /** Origin of a resource that another server hosts; absent for a route of this one. */
  readonly origin?: string;
  /** Public path after the origin. */
  readonly path: string;
  /** Scopes that every request needs: what a client gets that asks for none, and what challenges name. */
  readonly scopes: readonly string[];
  /** Every scope that may be granted for it, those of single operations included. */
  readonly grantableScopes: readonly string[];
  /** Lifetime and format of its tokens, where they differ from the server's. */
  readonly accessTokenTtlSeconds?: number;
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  readonly displayName: string;
  readonly isDefault: boolean;
  readonly allowedOrigins: readonly string[];
  /** Ids of the identity providers whose users may have tokens for it. @defaultValue all */
  readonly identityProviders?: readonly string[];
}

/** All resources declared so far. A resource is declared at set-up, before the first request. */
export interface Resources {
  /** @throws ConfigurationError where the resource is declared already with other options */
  declare(resource: Resource): Resource;
  /** All that tokens are issued for. */
  all(): readonly Resource[];
  /** Those of this server: the ones whose metadata it serves and whose requests it checks. */
  own(): readonly Resource[];
  /** Counts declarations: a provider built for another revision is out of date. */
  revision(): number;
  /** The resource meant when a client names none: the only one, or the one marked `default`. */
  implied(): Resource | undefined;
  /**
   * The resource that an indicator names in any accepted spelling (RFC 8707 section 2): case of scheme and host, default
   * port, trailing slash or none, any query.
   */
  resolve(issuer: Issuer, indicator: string): Resource | undefined;
}

/** The one audience of a resource's tokens, and its advertised identifier. */
export function canonicalResource(issuer: Issuer, resource: Resource): string {
  return `${resource.origin ?? issuer.origin}${resource.path}`;
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** One text for one set of options: the order of a list means nothing. */
function textOf(resource: Resource): string {
  return JSON.stringify(resource, (_name, member) => (Array.isArray(member) ? [...member].sort() : member));
}

const maxResolved = 256;
const maxRememberedLength = 512;

/** What a problem calls a resource. */
function nameOf({ origin = '', path }: Resource): string {
  return `${origin}${path}`;
}

/**
 * @param ownOrigin of this server, where it has one: a resource that another process hosts there has a path no route may have
 * @param identityProviders ids that a resource may name
 */
export function createResources(ownOrigin?: string, identityProviders: readonly string[] = []): Resources {
  const byKey = new Map<string, Resource>();
  /** Spellings that were resolved lately; bounded, as anybody may send new ones. */
  const resolved = new Map<string, Resource>();
  const keyOf = ({ origin, path }: Resource) => (origin === undefined || origin === ownOrigin ? path : origin + path);
  let own: readonly Resource[] = [];
  let revision = 0;

  function find(issuer: Issuer, indicator: string): Resource | undefined {
    const url = URL.parse(indicator);
    if (!url || url.username || url.password || indicator.includes('#')) return undefined;
    const path = withoutTrailingSlash(url.pathname);
    const ours = url.origin === issuer.origin ? byKey.get(path) : undefined;
    return ours ?? byKey.get(`${url.origin}${path}`);
  }

  return {
    declare(resource) {
      const unknown = resource.identityProviders?.find((id) => !identityProviders.includes(id));
      if (unknown !== undefined) {
        const message = 'identityProviders: must name ids of the option identityProviders';
        throw new ConfigurationError('resource', [{ option: nameOf(resource), message }]);
      }
      const known = byKey.get(keyOf(resource));
      if (known) {
        if (textOf(known) === textOf(resource)) return known;
        throw new ConfigurationError('resource', [
          {
            option: nameOf(resource),
            message: 'is declared already with other options; give the same options or another path',
          },
        ]);
      }
      const rival = resource.isDefault ? [...byKey.values()].find((other) => other.isDefault) : undefined;
      if (rival) {
        throw new ConfigurationError('resource', [
          { option: nameOf(resource), message: `cannot be the default: ${nameOf(rival)} is it already` },
        ]);
      }
      byKey.set(keyOf(resource), resource);
      resolved.clear();
      own = [...byKey.values()].filter(({ origin }) => origin === undefined);
      revision += 1;
      return resource;
    },
    all: () => [...byKey.values()],
    own: () => own,
    revision: () => revision,
    implied() {
      if (byKey.size === 1) return byKey.values().next().value;
      return [...byKey.values()].find((resource) => resource.isDefault);
    },
    resolve(issuer, indicator) {
      const spelling = `${issuer.origin} ${indicator}`;
      const known = resolved.get(spelling);
      if (known) return known;
      const found = find(issuer, indicator);
      if (!found || indicator.length > maxRememberedLength) return found;
      if (resolved.size >= maxResolved) resolved.delete(resolved.keys().next().value as string);
      resolved.set(spelling, found);
      return found;
    },
  };
}
