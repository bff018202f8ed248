import { describe, expect, it } from '@jest/globals';
import { resourceMember } from '../../lib/protected-resource/auth-resource.ts';

type Auth = { resource?: URL };
const audience = 'https://mcp.example.com/mcp';
const create = (): Auth => Object.defineProperty({}, 'resource', resourceMember(audience));

describe('req.auth.resource', () => {
  it('is one URL for one request, and another object for the next, so that nobody changes it for others', () => {
    const [auth, other] = [create(), create()];
    expect(auth.resource).toBe(auth.resource);
    if (auth.resource) auth.resource.pathname = '/changed';
    expect([auth.resource?.href, other.resource?.href]).toEqual(['https://mcp.example.com/changed', audience]);
  });

  it('is listed, copied and written as JSON like any other member', () => {
    expect(Object.keys(create())).toEqual(['resource']);
    expect({ ...create() }).toEqual({ resource: new URL(audience) });
    expect(JSON.stringify(create())).toBe(JSON.stringify({ resource: audience }));
  });

  it('can be written and removed, and read where the object is frozen', () => {
    const auth = create();
    auth.resource = new URL('https://other.example.com/');
    expect(auth.resource.href).toBe('https://other.example.com/');
    delete auth.resource;
    expect('resource' in auth).toBe(false);
    expect(Object.freeze(create()).resource?.href).toBe(audience);
  });
});
