/** ID-JAGs of the wrong kind, issuer, audience, client, time or key */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { type Answer, postForm } from '../helpers/oauth-client.ts';
import type { Observed } from '../helpers/observed-gateway.ts';
import { type Changes, createIdJagKey, type IdJagKey } from '../id-jag/issuer.ts';
import { agent, type Redemption, startRedemption } from '../id-jag/support.ts';

const vague = { error: 'invalid_grant', error_description: 'grant request is invalid' };
const now = () => Math.floor(Date.now() / 1000);

let redemption: Redemption;
let foreign: IdJagKey;
beforeAll(async () => {
  redemption = await startRedemption({
    clients: [{ client_id: 'other', client_secret: 'a secret of another agent', grant_types: ['client_credentials'] }],
  });
  foreign = await createIdJagKey('first');
  await redemption.present(await redemption.idp.assertion()); // The keys are known from here on.
});
afterAll(() => redemption.close());

/** Refused as every other: the event alone tells the reason, and nothing was used up or written. */
function expectRefused({ answer, events, writes }: Observed<Answer>, reason: string): void {
  expect([answer.status, answer.json]).toEqual([400, vague]);
  expect(events).toEqual([`token.refused: invalid_grant: id_jag: ${reason}`]);
  expect(writes).toEqual([]);
}

const refusedFor = async (changes: Changes, reason: string) =>
  expectRefused(await redemption.observe(await redemption.idp.assertion(changes)), reason);

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

describe('an ID-JAG of the wrong kind', () => {
  it.each([
    ['an ID token', { typ: 'JWT' }],
    ['of no type', { typ: undefined }],
    ['an access token', { typ: 'at+jwt' }],
    ['of a type spelled otherwise', { typ: 'OAUTH-ID-JAG+JWT' }],
    ['of a type with its prefix', { typ: 'application/oauth-id-jag+jwt' }],
    ['of two types', { typ: ['oauth-id-jag+jwt'] }],
  ])('%s is refused (RFC 8725 section 3.11)', (_what, header) => refusedFor({ header }, 'wrong_type'));

  it.each([
    ['no token', 'not a token'],
    ['two parts', 'a.b'],
    ['an encrypted one', 'a.b.c.d.e'],
    ['a header that is no JSON', `${part('{')}.${part({})}.c`],
    ['a body that is a list', `${part({ typ: 'oauth-id-jag+jwt', alg: 'ES256' })}.${part([])}.c`],
    ['padding', `${part({ a: 1 })}=.${part({})}.c`],
    ['no signature', `${part({ typ: 'oauth-id-jag+jwt', alg: 'ES256' })}.${part({})}.`],
    ['NUL', `${part({})}.\0.c`],
  ])('%s is refused', async (_what, assertion) => expectRefused(await redemption.observe(assertion), 'malformed'));

  it('of more than 16 KB is refused, and before anything is read (CWE-400)', () =>
    refusedFor({ claims: { filler: 'x'.repeat(16_384) } }, 'too_large'));

  it('with a critical extension is refused (RFC 7515 section 4.1.11)', async () => {
    const { issuer } = redemption.idp;
    for (const header of [{ crit: ['exp'], exp: now() }, { b64: false }]) {
      const head = part({ typ: 'oauth-id-jag+jwt', alg: 'ES256', ...header });
      expectRefused(await redemption.observe(`${head}.${part({ iss: issuer })}.c2ln`), 'malformed');
    }
  });

  it.each(['none', 'HS256', 'ES256K', 'RS1', 'dir'])(
    'signed with %s is refused (RFC 8725 section 3.1)',
    async (alg) => {
      const head = part({ typ: 'oauth-id-jag+jwt', alg, kid: 'first' });
      const body = part({ iss: redemption.idp.issuer });
      expectRefused(await redemption.observe(`${head}.${body}.c2ln`), 'algorithm_refused');
    },
  );

  it('whose header has no algorithm is refused', async () => {
    const head = part({ typ: 'oauth-id-jag+jwt', alg: 7 });
    expectRefused(await redemption.observe(`${head}.${part({ iss: redemption.idp.issuer })}.c2ln`), 'malformed');
  });

  it('with an HMAC under the public key is refused (RFC 8725 section 2.1)', async () => {
    const { publicKey } = await generateKeyPair('RS256');
    const head = part({ typ: 'oauth-id-jag+jwt', alg: 'HS256', kid: 'first' });
    const text = `${head}.${part({ iss: redemption.idp.issuer })}`;
    const mac = createHmac('sha256', await exportSPKI(publicKey))
      .update(text)
      .digest('base64url');
    expectRefused(await redemption.observe(`${text}.${mac}`), 'algorithm_refused');
  });
});

describe('an ID-JAG of somebody else', () => {
  it.each([
    ['another issuer', 'https://evil.example'],
    ['the issuer with a slash', () => `${redemption.idp.issuer}/`],
    ['the issuer in capitals', () => redemption.idp.issuer.toUpperCase()],
    ['this server itself', () => redemption.gateway.url],
    ['nobody', undefined],
    ['a list', () => [redemption.idp.issuer]],
    ['a name of prototypes', '__proto__'],
  ])('%s is refused, without any fetch (RFC 7523 section 3)', async (_what, iss) => {
    const before = redemption.idp.requests.length;
    await refusedFor({ claims: { iss: typeof iss === 'function' ? iss() : iss }, key: foreign }, 'issuer_untrusted');
    expect(redemption.idp.requests).toHaveLength(before);
  });

  it('signed with another key under the known id is refused', () => refusedFor({ key: foreign }, 'signature_invalid'));

  it('whose signature, claims or header were changed is refused', async () => {
    const [head = '', body = '', signature = ''] = (await redemption.idp.assertion()).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    const forged = [
      [head, part({ ...claims, sub: 'bob' }), signature],
      [part({ ...JSON.parse(Buffer.from(head, 'base64url').toString()), x: 1 }), body, signature],
      [head, body, signature.split('').reverse().join('')],
      [head, body, 'AA'],
    ];
    for (const parts of forged) expectRefused(await redemption.observe(parts.join('.')), 'signature_invalid');
  });

  it('that brings its own key, or says where it lies, is refused (RFC 8725 section 3.10)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    const key = { kid: 'first', privateKey, publicKey: { ...jwk, alg: 'ES256' } };
    const before = redemption.idp.requests.length;
    await refusedFor({ key, header: { jwk } }, 'signature_invalid');
    await refusedFor(
      { key, header: { jku: `${redemption.idp.issuer}/evil`, x5u: 'https://evil.example/' } },
      'signature_invalid',
    );
    expect(redemption.idp.requests).toHaveLength(before);
  });
});

describe('an ID-JAG for somebody else', () => {
  it.each([
    ['another server', 'https://other.example'],
    ['two servers, this one among them', () => [redemption.gateway.url, 'https://other.example']],
    ['this server twice', () => [redemption.gateway.url, redemption.gateway.url]],
    ['nobody', undefined],
    ['an empty list', []],
    ['this server with a slash', () => `${redemption.gateway.url}/`],
    ['the token endpoint', () => `${redemption.gateway.url}/oauth/token`],
    ['the resource', () => `${redemption.gateway.url}/mcp`],
    ['an object', { 0: 'x', length: 1 }],
  ])('%s is refused (ID-JAG draft section 4.4.1)', (_what, aud) =>
    refusedFor({ claims: { aud: typeof aud === 'function' ? aud() : aud } }, 'wrong_audience'),
  );

  it('a list of this server alone is accepted (ID-JAG draft section 4.4.1)', async () => {
    const assertion = await redemption.idp.assertion({ claims: { aud: [redemption.gateway.url] } });
    expect((await redemption.present(assertion)).status).toBe(200);
  });

  it('another client is refused (ID-JAG draft section 4.4.1)', () =>
    refusedFor({ claims: { client_id: 'other' } }, 'client_mismatch'));

  it.each([undefined, '', 7, ['agent'], 'a\0', 'x'.repeat(2049)])('the client %j is refused', (client_id) =>
    refusedFor({ claims: { client_id } }, 'claim_missing: client_id'),
  );

  it('is refused of a client that may not redeem, or that cannot authenticate, and stays good for its owner', async () => {
    const assertion = await redemption.idp.assertion();
    const asOther = { client_id: 'other', client_secret: 'a secret of another agent' };
    const answers = [
      await redemption.present(assertion, asOther),
      await redemption.present(assertion, { client_secret: 'a wrong secret' }),
      await redemption.present(assertion, { client_secret: undefined }),
      await redemption.present(assertion, { client_id: 'nobody' }),
    ];
    expect(answers.map(({ status, json }) => [status, json?.error])).toEqual([
      [400, 'invalid_request'],
      [401, 'invalid_client'],
      [401, 'invalid_client'],
      [401, 'invalid_client'],
    ]);
    expect((await redemption.present(assertion)).status).toBe(200);
  });
});

describe('an ID-JAG at the wrong time', () => {
  it.each<[string, () => Record<string, unknown>, RegExp]>([
    ['expired', () => ({ iat: now() - 200, exp: now() - 61 }), /^expired: 6\d s ago by this server's clock$/],
    [
      'from the future',
      () => ({ iat: now() + 90, exp: now() + 120 }),
      /^issued_in_future: by (?:8\d|90) s; clock skew$/,
    ],
    ['from long ago', () => ({ iat: now() - 400, exp: now() + 20 }), /^issued_too_long_ago: 40\d s$/],
    ['of too long a life', () => ({ iat: now(), exp: now() + 301 }), /^lifetime_refused: 301 s$/],
    ['that ends before it begins', () => ({ iat: now(), exp: now() - 10 }), /^lifetime_refused: -10 s$/],
    ['of no life at all', () => ({ iat: now() + 5, exp: now() + 5 }), /^lifetime_refused: 0 s$/],
    ['not yet valid', () => ({ nbf: now() + 90 }), /^not_yet_valid$/],
    ['with a begin that is no number', () => ({ nbf: 'now' }), /^not_yet_valid$/],
    ['without an end', () => ({ exp: undefined }), /^claim_missing: exp$/],
    ['with an end that is no number', () => ({ exp: String(now() + 60) }), /^claim_missing: exp$/],
    ['without a begin', () => ({ iat: undefined }), /^claim_missing: iat$/],
    ['with a begin that is no number', () => ({ iat: null }), /^claim_missing: iat$/],
  ])('%s is refused (RFC 7523 section 3)', async (_what, claims, reason) => {
    const observed = await redemption.observe(await redemption.idp.assertion({ claims: claims() }));
    const [event = ''] = observed.events;
    const found = event.replace('token.refused: invalid_grant: id_jag: ', '');
    expect(found).toMatch(reason);
    expectRefused(observed, found);
  });

  it('within the tolerance of 60 s for clocks is accepted', async () => {
    for (const claims of [
      { iat: now() - 100, exp: now() - 50 },
      { iat: now() + 50, exp: now() + 100, nbf: now() + 50 },
    ])
      expect((await redemption.present(await redemption.idp.assertion({ claims }))).status).toBe(200);
  });
});

describe('an ID-JAG that says too little or too much', () => {
  it.each(['sub', 'jti'])('has no %s, or none that is text, and is refused', async (name) => {
    for (const value of [undefined, '', 7, null, ['x'], 'a\0b', 'x'.repeat(1025)])
      await refusedFor({ claims: { [name]: value } }, `claim_missing: ${name}`);
  });

  it('with authorization details is refused, in the assertion or beside it (fail closed)', async () => {
    await refusedFor({ claims: { authorization_details: [{ type: 'payment' }] } }, 'authorization_details_unsupported');
    const observed = await redemption.observe(await redemption.idp.assertion(), { authorization_details: '[]' });
    expectRefused(observed, 'authorization_details_unsupported');
  });

  it.each([
    ['a key', { jkt: 'x' }],
    ['a certificate', { 'x5t#S256': 'x' }],
    ['nothing', {}],
    ['null', null],
    ['text', 'jkt'],
  ])('bound to %s is refused where DPoP is off (RFC 7800, fail closed)', async (_what, cnf) => {
    const reason =
      cnf !== null && typeof cnf === 'object' && 'jkt' in cnf ? 'proof_missing' : 'confirmation_unsupported';
    await refusedFor({ claims: { cnf } }, reason);
  });

  it.each([
    ['another server', 'https://other.example/mcp'],
    ['ours and another', () => [`${redemption.gateway.url}/mcp`, 'https://other.example/mcp']],
    ['a path', '/mcp'],
    ['nothing', []],
    ['a number', 7],
    ['a path below', () => `${redemption.gateway.url}/mcp/below`],
  ])('for the resource of %s is refused (MCP EMA section 7.6.2)', (_what, resource) =>
    refusedFor({ claims: { resource: typeof resource === 'function' ? resource() : resource } }, 'resource_foreign'),
  );

  it.each([
    ['foreign', 'admin root'],
    ['a list', ['mcp:tools']],
    ['of another resource', 'other'],
  ])('whose scope is %s is refused (MCP EMA section 7.6.2)', (_what, scope) =>
    refusedFor({ claims: { scope } }, 'scope_foreign'),
  );

  it('of a tenant is refused while nobody says whose subject it is (ID-JAG draft section 6)', () =>
    refusedFor({ claims: { tenant: 'acme' } }, 'tenant_unmapped'));

  it('is refused as a claim called reason', () => refusedFor({ claims: { reason: 'x', aud: 'x' } }, 'wrong_audience'));
});

describe('the token request', () => {
  it.each([undefined, ''])('without an assertion (%j) is a malformed one (RFC 7521 section 4.1)', async (assertion) => {
    const { answer, writes } = await redemption.observe(assertion);
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_request']);
    expect(writes).toEqual([]);
  });

  it('with two assertions is refused and uses none up', async () => {
    const [one, other] = [await redemption.idp.assertion(), await redemption.idp.assertion()];
    const answer = await postForm(`${redemption.gateway.url}/oauth/token`, {
      ...agent,
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: [one, other],
    });
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_request']);
    expect((await redemption.present(one)).status).toBe(200);
  });

  it.each([
    ['unknown', 'https://other.example/mcp', 'invalid_target'],
    ['not of the assertion', '/other', 'invalid_target'],
    ['given twice', ['/mcp', '/other'], 'invalid_target'],
  ])('whose resource is %s is told so, and uses nothing up (RFC 8707 section 2)', async (_what, resource, error) => {
    const { idp, gateway } = redemption;
    const absolute = [resource].flat().map((name) => (name.startsWith('/') ? gateway.url + name : name));
    const assertion = await idp.assertion();
    const { answer, writes } = await redemption.observe(assertion, { resource: absolute });
    expect([answer.status, answer.json?.error]).toEqual([400, error]);
    expect(writes).toEqual([]);
    expect((await redemption.present(assertion)).status).toBe(200);
  });

  it('whose scope is none of the assertion is told so, and uses nothing up (RFC 6749 section 5.2)', async () => {
    const assertion = await redemption.idp.assertion();
    const { answer, writes } = await redemption.observe(assertion, { scope: 'files:write' });
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_scope']);
    expect(writes).toEqual([]);
    expect((await redemption.present(assertion)).status).toBe(200);
  });
});

describe('a used ID-JAG', () => {
  it('is refused, whoever asks and for whatever scope (MCP EMA section 7.4.2)', async () => {
    const assertion = await redemption.idp.assertion();
    expect((await redemption.present(assertion)).status).toBe(200);
    for (const parameters of [{}, { scope: 'mcp:tools' }, { resource: `${redemption.gateway.url}/mcp` }]) {
      const { answer, events } = await redemption.observe(assertion, parameters);
      expect([answer.status, answer.json]).toEqual([400, vague]);
      expect(events).toEqual(['token.refused: invalid_grant: id_jag: replayed']);
    }
  });

  it('is known by its jti, not by its text: signed again it is the same one', async () => {
    const claims = { jti: 'the same' };
    expect((await redemption.present(await redemption.idp.assertion({ claims }))).status).toBe(200);
    const again = await redemption.observe(await redemption.idp.assertion({ claims: { ...claims, sub: 'bob' } }));
    expect(again.events).toEqual(['token.refused: invalid_grant: id_jag: replayed']);
  });
});
