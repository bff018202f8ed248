import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postForm, send } from '../helpers/oauth-client.ts';
import { bearer, type ProtectedServer, sdkMatrix, startProtectedServer } from '../helpers/protected-server.ts';

describe.each(sdkMatrix)('JWT access tokens: $client client, $server server, $route', ({ connect, ...setUp }) => {
  let running: ProtectedServer;
  beforeAll(async () => {
    running = await startProtectedServer(setUp, { options: () => ({ gateway: { accessTokenFormat: 'jwt' } }) });
  });
  afterAll(() => running.close());

  it('carry a client from discovery to a tool call and a refresh, and end with their grant (RFC 9068, RFC 7009)', async () => {
    const { url: issuer } = running.gateway;
    const connection = await connect({ url: running.url });
    const { memory } = connection;
    const first = memory.tokens?.access_token ?? '';
    const [header, claims] = first.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(claims).toMatchObject({
      iss: issuer,
      aud: running.url,
      scope: 'mcp:tools',
      client_id: memory.clientInformation?.client_id,
    });
    for (const name of ['sub', 'jti', 'iat', 'exp', 'gid']) expect(claims).toHaveProperty(name);
    expect(await connection.callTool('echo', { text: 'one' })).toBe('one');

    if (memory.tokens) memory.tokens = { ...memory.tokens, access_token: 'expired' };
    expect(await connection.callTool('echo', { text: 'two' })).toBe('two');
    const second = memory.tokens?.access_token ?? '';
    expect(second).not.toBe(first);

    await postForm(`${issuer}/oauth/revoke`, {
      token: memory.tokens?.refresh_token,
      client_id: memory.clientInformation?.client_id,
    });
    for (const token of [first, second]) {
      expect((await send(running.url, { method: 'POST', headers: bearer(token), body: '{}' })).status).toBe(401);
    }
    await connection.close();
  });
});
