import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { userOAuth } from '../../lib/index.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { connect, linkIn, rpc, signIn, type User, whoAmI } from './support.ts';

const names = ['files', 'wiki'] as const;
const people = ['alice', 'bob'] as const;
let gateway: Gateway;
let upstreams: OAuthUpstream[];
/** A token of each person for each route. */
const users = new Map<string, User>();

beforeAll(async () => {
  // Tokens end so soon that they are renewed while the calls are under way.
  upstreams = [
    await startOAuthUpstream({ accessTokenSeconds: 2 }),
    await startOAuthUpstream({ accessTokenSeconds: 2 }),
  ];
  gateway = await startGateway({
    routes(app, auth) {
      for (const [index, id] of names.entries()) {
        const upstream = userOAuth({ id, displayName: id, connect: 'on-demand' });
        app.use(auth.proxy(`/${id}`, { target: (upstreams[index] as OAuthUpstream).url, upstream }));
      }
    },
  });
  for (const person of people) {
    for (const id of names) {
      const user = await signIn(gateway.url, person, `/${id}`);
      const asked = await rpc(`${gateway.url}/${id}`, user, 'tools/call', { name: 'whoami', arguments: {} });
      await connect(user.browser, linkIn(asked.text), `${person}-at-${id}`);
      users.set(`${person} ${id}`, user);
    }
  }
});

afterAll(async () => {
  await gateway?.close();
  for (const upstream of upstreams ?? []) await upstream.close();
});

test('two users of two upstreams never get each other’s token, in 200 parallel calls and more', async () => {
  for (let round = 0; round < 3; round += 1) {
    // Every token is refused at once, and renewed while the calls are under way.
    if (round > 0) for (const upstream of upstreams) upstream.forgetAccessTokens();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const person = people[index % 2] as string;
        const id = names[(index >> 1) % 2] as string;
        const user = users.get(`${person} ${id}`) as User;
        const answer = await rpc(`${gateway.url}/${id}`, user, 'tools/call', { name: 'whoami', arguments: {} });
        return { expected: `${person}-at-${id}`, got: whoAmI(answer).extra?.sub, status: answer.status };
      }),
    );
    expect(answers.filter(({ expected, got }) => expected !== got)).toEqual([]);
  }
  for (const [index, id] of names.entries()) {
    const callers = new Set((upstreams[index] as OAuthUpstream).callers);
    expect([...callers].sort()).toEqual(people.map((person) => `${person}-at-${id}`));
  }
});

test('a token for one route of the gateway is none for another, so neither is what stands behind it', async () => {
  const user = users.get('alice files') as User;
  const answer = await rpc(`${gateway.url}/wiki`, user, 'tools/call', { name: 'whoami', arguments: {} });
  expect(answer.status).toBe(401);
});

test('no token of the gateway reaches an upstream, and no token of an upstream reaches a client', async () => {
  const own = [...users.values()].map(({ accessToken }) => accessToken);
  const seen = upstreams.flatMap(({ authorizations }) => authorizations).filter((value) => value !== undefined);
  expect(seen.filter((value) => own.some((token) => value.includes(token)))).toEqual([]);
  const user = users.get('alice files') as User;
  const answer = await rpc(`${gateway.url}/files`, user, 'tools/call', { name: 'whoami', arguments: {} });
  const [token] = upstreams[0]?.authorizations.slice(-1) ?? [];
  expect(token).toMatch(/^Bearer \S+$/);
  expect(`${answer.text} ${JSON.stringify([...answer.headers])}`).not.toContain((token as string).slice(7));
});
