import { afterEach, describe, expect, test } from '@jest/globals';
import {
  connect,
  type FilesGateway,
  type FilesGatewaySettings,
  linkIn,
  rpc,
  signIn,
  startFilesGateway,
  whoAmI,
} from './support.ts';

let files: FilesGateway;

async function start(settings?: FilesGatewaySettings): Promise<FilesGateway> {
  files = await startFilesGateway(settings);
  return files;
}

afterEach(async () => {
  await files?.close();
});

const callWhoAmI = { name: 'whoami', arguments: {} };

describe('a user who has not connected the upstream', () => {
  test('gets a link, connects in the browser, and then calls it as themselves', async () => {
    const { url, gateway, upstream } = await start();
    const alice = await signIn(gateway.url, 'alice');
    const before = await rpc(url, alice, 'tools/call', callWhoAmI);
    expect([before.status, before.json?.result]).toEqual([200, expect.objectContaining({ isError: true })]);
    expect(upstream.callers).toEqual([]);
    const page = await connect(alice.browser, linkIn(before.text), 'alice-at-files');
    expect(gateway.events.filter(({ type }) => type.startsWith('upstream.connect_refused'))).toEqual([]);
    expect(page.text).toContain('Files is connected');
    const after = await rpc(url, alice, 'tools/call', callWhoAmI);
    expect(whoAmI(after).extra?.sub).toBe('alice-at-files');
    expect(upstream.authorizations.filter((value) => value?.includes(alice.accessToken))).toEqual([]);
  });
});
