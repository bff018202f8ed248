/** Secrets: whether anything that a full run emits, says or keeps holds one */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type FullRun, runFully } from '../helpers/full-run.ts';

let run: FullRun;

beforeAll(async () => {
  run = await runFully();
});

/** In any spelling that a URL, a header or JSON gives it. */
const spellings = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64url'),
  JSON.stringify(secret).slice(1, -1),
];

describe('everything that a full run emits', () => {
  it('was collected, and so was every kind of secret that it used', () => {
    const kinds = new Set(run.emitted.map(({ what }) => what.split(' ')[0]));
    expect([...kinds].sort()).toEqual(expect.arrayContaining(['body', 'error', 'event', 'headers', 'log']));
    const used = new Set(run.secrets.values());
    for (const what of [
      ...['access token', 'refresh token', 'authorization code', 'client secret', 'PKCE verifier', 'secret', 'apiKey'],
      ...['idpSecret', 'code at the identity provider', 'refresh_token at the identity provider'],
      ...['code at the upstream', 'upstream token', 'code_verifier at the upstream'],
    ])
      expect(used).toContain(what);
    expect([...used].some((what) => what.startsWith('cookie '))).toBe(true);
    expect(run.emitted.length).toBeGreaterThan(100);
  });

  it('holds none of them: not stdout, stderr, log lines, events, error bodies, headers or redirects', () => {
    const leaks = run.emitted.flatMap(({ what, text }) =>
      [...run.secrets].flatMap(([secret, name]) =>
        spellings(secret).some((spelling) => text.includes(spelling)) ? [`${name} in ${what}`] : [],
      ),
    );
    // A code goes to the client that asked for it, in the redirect (RFC 6749 section 4.1.2), and nowhere else.
    const isDelivery = (leak: string) =>
      /^authorization code in headers of 303 (?:GET|POST) \/oauth\/authorize\/[\w-]+$/.test(leak);
    expect(leaks.filter((leak) => !isDelivery(leak))).toEqual([]);
    expect(leaks.filter(isDelivery).length).toBeGreaterThan(0);
  });
});
