import { ConfigurationError } from '../errors.ts';
import type { Issuer } from './issuer.ts';

/** A protected resource: an MCP route of this server (RFC 9728 section 1.2). */
export interface Resource {
  /** Public path after the issuer's origin. */
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
}

/** All resources declared so far. A resource is declared at set-up, before the first request. */
export interface Resources {
  /** @throws ConfigurationError where the path is declared already with other options */
  declare(resource: Resource): Resource;
  all(): readonly Resource[];
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
  return `${issuer.origin}${resource.path}`;
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** One text for one set of options: the order of a list means nothing. */
function textOf(resource: Resource): string {
  return JSON.stringify(resource, (_name, member) => (Array.isArray(member) ? [...member].sort() : member));
}

export function createResources(): Resources {
  const byPath = new Map<string, Resource>();
  let revision = 0;
  return {
    declare(resource) {
      const known = byPath.get(resource.path);
      if (known) {
        if (textOf(known) === textOf(resource)) return known;
        throw new ConfigurationError('resource', [
          {
            option: resource.path,
            message: 'is declared already with other options; give the same options or another path',
          },
        ]);
      }
      const rival = resource.isDefault ? [...byPath.values()].find((other) => other.isDefault) : undefined;
      if (rival) {
        throw new ConfigurationError('resource', [
          { option: resource.path, message: `cannot be the default: ${rival.path} is it already` },
        ]);
      }
      byPath.set(resource.path, resource);
      revision += 1;
      return resource;
    },
    all: () => [...byPath.values()],
    revision: () => revision,
    implied() {
      if (byPath.size === 1) return byPath.values().next().value;
      return [...byPath.values()].find((resource) => resource.isDefault);
    },
    resolve(issuer, indicator) {
      const url = URL.parse(indicator);
      if (!url || url.origin !== issuer.origin || url.hash || url.username || url.password || indicator.includes('#'))
        return undefined;
      return byPath.get(withoutTrailingSlash(url.pathname));
    },
  };
}
