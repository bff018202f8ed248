import { describe, expect, it } from '@jest/globals';
import { type PlayedIssuer, playIssuer, signToken } from './issuer.ts';
import { mountResource, openSite } from './support.ts';

const authorizationServer = '/.well-known/oauth-authorization-server';
const openid = '/.well-known/openid-configuration';

/** The status of a call, with an issuer whose metadata stands at `place` alone, and where it was looked for. */
async function callWith(path: string, place: string): Promise<{ status: number; lookedAt: string[] }> {
  const issuer: PlayedIssuer = await playIssuer(path);
  const metadata = issuer.answers.get(`${authorizationServer}${path}`);
  for (const other of [`${authorizationServer}${path}`, `${openid}${path}`, `${path}${openid}`])
    issuer.answers.set(other, () => ({ status: 404, body: {} }));
  if (metadata) issuer.answers.set(place, metadata);
  const server = mountResource(await openSite(), { issuer: issuer.url });
  const { status } = await server.call(await signToken(issuer, server.url));
  await server.close();
  await issuer.close();
  return { status, lookedAt: issuer.requests.filter((request) => request.includes('/.well-known/')) };
}

describe('the metadata of an issuer elsewhere (MCP 2026-07-28, Authorization Server Metadata Discovery)', () => {
  it.each<[string, string, string[]]>([
    ['', authorizationServer, [authorizationServer]],
    ['', openid, [authorizationServer, openid]],
    ['/tenant', `${authorizationServer}/tenant`, [`${authorizationServer}/tenant`]],
    ['/tenant', `${openid}/tenant`, [`${authorizationServer}/tenant`, `${openid}/tenant`]],
    ['/tenant', `/tenant${openid}`, [`${authorizationServer}/tenant`, `${openid}/tenant`, `/tenant${openid}`]],
  ])('of an issuer with the path "%s" is found at %s', async (path, place, lookedAt) => {
    expect(await callWith(path, place)).toEqual({ status: 200, lookedAt });
  });
});
