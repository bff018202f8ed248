import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Federation, startFederation } from '../federation/support.ts';
import { type Answer, postForm } from '../helpers/oauth-client.ts';
import { createIdJagKey, type IdJagIssuer, startIdJagIssuer } from './issuer.ts';
import { agent, callWith, jwtBearer, type Redemption, startRedemption } from './support.ts';

describe('the user of an ID-JAG of the provider at which people sign in', () => {
  let federation: Federation;
  let pen: IdJagIssuer;
  const asked: object[] = [];
  const verdicts = new Map<string, () => boolean>();

  beforeAll(async () => {
    pen = await startIdJagIssuer(() => ({ aud: federation.gateway.url, sub: 'alice', client_id: 'agent' }));
    federation = await startFederation({
      options: ({ issuer }) => ({
        clients: [{ ...agent, grant_types: [jwtBearer] }],
        idJag: { trustedIssuers: [{ issuer, jwksUrl: `${pen.issuer}/jwks` }] },
        identity: { claims: ['department'], requiredClaims: { plan: 'paid' } },
        authorizeUser: (identity, { client, resource }) => {
          asked.push({ sub: identity.sub, roles: identity.roles, client: client.id, resource });
          return verdicts.get(identity.sub)?.() ?? true;
        },
      }),
      provider: {
        users: { alice: { roles: ['admin'], email: 'alice@acme.example', department: 'one', plan: 'paid' } },
      },
    });
  });
  afterAll(async () => {
    await federation.close();
    await pen.close();
  });

  async function redeem(claims: Record<string, unknown> = {}): Promise<Answer> {
    const assertion = await pen.assertion({ claims: { iss: federation.idp.issuer, plan: 'paid', ...claims } });
    return postForm(`${federation.gateway.url}/oauth/token`, { ...agent, grant_type: jwtBearer, assertion });
  }
  const userOf = async (answer: Answer) => (await callWith(federation.gateway.url, answer)).json;

  it('is the user of the browser login: one subject, one record, one revocation (ID-JAG draft section 6)', async () => {
    const { code } = await federation.login();
    const browserUser = await federation.userOf(code);
    const redeemed = await redeem();
    // The assertion says nothing of roles and email: what the login said stays.
    expect(await userOf(redeemed)).toEqual({
      ...browserUser,
      data: { ...(browserUser.data as object), clientId: 'agent' },
    });
    expect(browserUser).toMatchObject({ sub: 'alice', data: { roles: ['admin'], department: 'one' } });

    expect(await federation.gateway.auth.revoke({ sub: 'alice', idp: federation.idp.issuer })).toEqual({ grants: 2 });
    expect((await callWith(federation.gateway.url, redeemed)).status).toBe(401);
  });

  it('sees the client on the connections page of the browser, and ends its access there', async () => {
    const { gateway } = federation;
    const browser = federation.browser();
    await federation.login(browser);
    const redeemed = await redeem();
    expect((await callWith(gateway.url, redeemed)).status).toBe(200);

    const page = await browser.get(`${gateway.url}/oauth/connections`);
    const form = page.forms.find(({ fields }) => fields.decision === 'revoke' && fields.client === 'agent');
    expect(form).toBeDefined();
    await browser.post(String(form?.action), { ...form?.fields }, { from: page });
    expect((await callWith(gateway.url, redeemed)).status).toBe(401);
  });

  it('has the roles and claims that the assertion names, found as those of a login are', async () => {
    const claims = { sub: 'carol', 'https://acme.example/roles': ['auditor'], department: 'two', secret: 'x' };
    expect(await userOf(await redeem(claims))).toMatchObject({
      sub: 'carol',
      data: { roles: ['auditor'], department: 'two' },
    });
    expect(await userOf(await redeem({ sub: 'carol' }))).toMatchObject({ data: { roles: ['auditor'] } });
    const emptied = await userOf(await redeem({ sub: 'carol', roles: [] }));
    expect(emptied).toMatchObject({ data: { roles: [] } });
    expect(JSON.stringify(emptied)).not.toContain('secret');
  });

  it('is refused where authorizeUser says so, which sees the roles of the login, and uses nothing up', async () => {
    await federation.login();
    const claims = { jti: 'judged' };
    const url = federation.gateway.url;
    const judged = async (verdict: () => boolean) => {
      verdicts.set('alice', verdict);
      const { answer, events } = await federation.gateway.observe(() => redeem(claims));
      verdicts.clear();
      return [answer.status, ...events];
    };
    expect(await judged(() => false)).toEqual([400, 'token.refused: invalid_grant: id_jag: user_refused']);
    expect(asked.at(-1)).toEqual({ sub: 'alice', roles: ['admin'], client: 'agent', resource: `${url}/mcp` });
    const failing = () => {
      throw new Error('no answer');
    };
    expect(await judged(failing)).toEqual([
      503,
      'token.refused: temporarily_unavailable: id_jag: mapping_failed: authorizeUser: no answer',
    ]);
    expect(await judged(() => true)).toEqual([200, 'id_jag.accepted', 'token.issued']);
  });

  it('is refused who may not sign in', async () => {
    const { answer, events } = await federation.gateway.observe(() => redeem({ plan: 'free' }));
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_grant']);
    expect(events).toEqual(['token.refused: invalid_grant: id_jag: user_refused']);
  });
});

describe('options of the trusted issuer', () => {
  let redemption: Redemption;
  let failing: string | undefined;

  beforeAll(async () => {
    redemption = await startRedemption({
      trusted: {
        clients: { 'agent-at-acme': 'agent' },
        resources: ['/mcp'],
        allowedScopes: ['mcp:tools'],
        subjectOf: ({ tenant, sub }) => (tenant === 'acme' ? sub : undefined),
        mapIdentity: async ({ team }) => {
          if (failing !== undefined) throw new Error(failing);
          return { roles: [`team-${team}`], claims: { team } };
        },
      },
    });
  });
  afterAll(() => redemption.close());

  const present = async (claims: Record<string, unknown>) => {
    const sound = { client_id: 'agent-at-acme', tenant: 'acme', team: 'red' };
    return redemption.observe(await redemption.idp.assertion({ claims: { ...sound, ...claims } }));
  };

  it('map clients, tenants, roles and claims', async () => {
    const { answer } = await present({});
    expect((await callWith(redemption.gateway.url, answer)).json).toEqual({
      sub: 'alice',
      iss: redemption.idp.issuer,
      data: { roles: ['team-red'], clientId: 'agent', team: 'red' },
    });
  });

  it.each([
    ['a client that is not listed, be it one of ours', { client_id: 'agent' }, 'client_not_listed'],
    ['a client by the name of a prototype', { client_id: 'constructor' }, 'client_not_listed'],
    ['another tenant', { tenant: 'globex' }, 'subject_refused'],
    ['no tenant', { tenant: undefined }, 'subject_refused'],
    ['a resource that it may not speak for', { resource: 'other' }, 'resource_foreign'],
    ['scopes that it may not give', { scope: 'files:write' }, 'scope_foreign'],
  ])('refuse %s', async (_what, claims, reason) => {
    const resource = 'resource' in claims ? { resource: `${redemption.gateway.url}/other` } : {};
    const { answer, events, writes } = await present({ ...claims, ...resource });
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_grant']);
    expect(events).toEqual([`token.refused: invalid_grant: id_jag: ${reason}`]);
    expect(writes).toEqual([]);
  });

  it('that fail are told as an outage, and the assertion stays good', async () => {
    failing = 'the directory does not answer';
    const claims = { jti: 'again' };
    const during = await present(claims);
    failing = undefined;
    expect([during.answer.status, during.answer.json?.error]).toEqual([503, 'temporarily_unavailable']);
    expect(during.events).toEqual([
      'token.refused: temporarily_unavailable: id_jag: mapping_failed: the directory does not answer',
    ]);
    expect((await present(claims)).answer.status).toBe(200);
  });
});

describe('the algorithms of the trusted issuer', () => {
  let redemption: Redemption;
  beforeAll(async () => {
    redemption = await startRedemption({ trusted: { algorithms: ['RS256'] } });
    redemption.idp.keys.push(await createIdJagKey('rsa', 'RS256'));
  });
  afterAll(() => redemption.close());

  it('are the only ones, and no key is looked for before (RFC 8725 section 3.1)', async () => {
    const { events } = await redemption.observe(await redemption.idp.assertion());
    expect(events).toEqual(['token.refused: invalid_grant: id_jag: algorithm_refused']);
    expect(redemption.idp.requests).toEqual([]);
    const [, key] = redemption.idp.keys;
    expect((await redemption.present(await redemption.idp.assertion(key && { key }))).status).toBe(200);
  });
});

describe('with replay until expiry', () => {
  let redemption: Redemption;
  beforeAll(async () => {
    redemption = await startRedemption({ idJag: { replay: 'until-expiry', maxLifetimeSeconds: 600 } });
  });
  afterAll(() => redemption.close());

  it('an assertion is good again, and not beyond its end (ID-JAG draft, Refresh Token)', async () => {
    const now = Math.floor(Date.now() / 1000);
    const assertion = await redemption.idp.assertion({ claims: { exp: now + 600 } });
    const answers = [await redemption.present(assertion), await redemption.present(assertion)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]?.json?.access_token).not.toBe(answers[1]?.json?.access_token);
    const expired = await redemption.idp.assertion({ claims: { iat: now - 400, exp: now - 61 } });
    expect((await redemption.present(expired)).json?.error).toBe('invalid_grant');
  });
});
