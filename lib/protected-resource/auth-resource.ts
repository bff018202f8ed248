import { maxIssuers } from '../shared/issuer-resolver.ts';
import { createRecentMap } from '../shared/recent-map.ts';

type Member = PropertyDescriptor & ThisType<{ resource?: URL }>;

const members = createRecentMap<string, Member>(maxIssuers);

/**
 * `resource` of an `AuthInfo`: a URL of its own for each request, parsed when it is first read, since that costs as much as
 * the rest of the object and few read it. Otherwise a member like any other: listed, copied by spread, and writable.
 */
export function resourceMember(audience: string): Member {
  const known = members.get(audience);
  if (known) return known;
  const member: Member = {
    configurable: true,
    enumerable: true,
    get() {
      const value = new URL(audience);
      Reflect.defineProperty(this, 'resource', { value, configurable: true, enumerable: true, writable: true });
      return value;
    },
    set(value: URL) {
      Reflect.defineProperty(this, 'resource', { value, configurable: true, enumerable: true, writable: true });
    },
  };
  members.set(audience, member);
  return member;
}
