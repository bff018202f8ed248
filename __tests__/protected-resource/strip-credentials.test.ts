import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { stripCredentials } from '../../lib/protected-resource/strip-credentials.ts';
import { send } from '../helpers/oauth-client.ts';

/** A request as Node makes it, looked at inside its handler. */
async function received<T>(look: (req: IncomingMessage) => T): Promise<T> {
  let seen: T | undefined;
  const server = createServer((req, res) => {
    seen = look(req);
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, {
      headers: {
        'X-First': 'one',
        Authorization: 'Bearer secret',
        DPoP: 'proof',
        Cookie: 'a=1; __Host-mcp_session_x=secret; b=2',
        'X-Last': 'two',
      },
    });
  } finally {
    server.close();
  }
  return seen as T;
}

/** Every form in which Node keeps headers. */
function allForms(req: IncomingMessage): object[] {
  return [req.headers, req.headersDistinct, req.rawHeaders];
}

describe('credentials taken off a request', () => {
  it.each([
    ['that nobody has read before', () => {}],
    ['whose every form was read before', allForms],
  ])('are in no form of the headers %s', async (_name, readBefore) => {
    const forms = await received((req) => {
      readBefore(req);
      stripCredentials(req);
      return allForms(req);
    });

    expect(JSON.stringify(forms)).not.toMatch(/secret|proof|authorization|dpop/i);
    expect(forms).toEqual([
      expect.objectContaining({ 'x-first': 'one', cookie: 'a=1; b=2', 'x-last': 'two' }),
      expect.objectContaining({ 'x-first': ['one'], cookie: ['a=1; b=2'], 'x-last': ['two'] }),
      expect.arrayContaining(['a=1; b=2', 'two']),
    ]);
  });

  it('leave raw headers in pairs, in their order and spelling', async () => {
    const raw = await received((req) => {
      stripCredentials(req);
      return req.rawHeaders;
    });

    expect(raw.filter((_text, index) => index % 2 === 0).map((name) => name.toLowerCase())).toEqual(
      expect.arrayContaining(['x-first', 'cookie', 'x-last', 'host']),
    );
    expect(raw[raw.findIndex((text) => text.toLowerCase() === 'x-last') + 1]).toBe('two');
  });

  it('leave headersDistinct changeable, as Node has it', async () => {
    const distinct = await received((req) => {
      stripCredentials(req);
      req.headersDistinct['x-added'] = ['three'];
      return req.headersDistinct;
    });

    expect(distinct).toMatchObject({ 'x-added': ['three'], 'x-first': ['one'] });
  });
});
