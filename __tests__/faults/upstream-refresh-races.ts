import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { userOAuth } from '../../lib/index.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { connect, linkIn, rpc, signIn, type User, whoAmI } from '../upstream/support.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { limitMs, parallel, record, rounds, tally, until } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

const tokenSeconds = 120;

/** An upstream token is renewed once, however many calls and processes find it expired. */
export function upstreamRefreshRaces(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let upstream: OAuthUpstream;
  let users: User[];
  /** How far the clocks of the processes are ahead, seconds. */
  let moved = 0;

  const refreshes = () => upstream.tokenRequests.filter(({ grant_type: grant }) => grant === 'refresh_token').length;
  const call = (user: User) => rpc(`${cluster.url}/files`, user, 'tools/call', { name: 'whoami', arguments: {} });

  beforeAll(async () => {
    store = await startStore();
    upstream = await startOAuthUpstream({ accessTokenSeconds: tokenSeconds });
    const credential = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand' });
    cluster = await startCluster({
      store: store.address(),
      options: {
        gateway: { accessTokenTtlSeconds: 86_400 },
        routes: [{ path: '/files', target: upstream.url, upstream: credential }],
      },
    });
    users = [];
    for (const name of ['alice', 'bob']) {
      const user = await signIn(cluster.url, name);
      await connect(user.browser, linkIn((await call(user)).text), `${name}-at-files`);
      users.push(user);
    }
  });
  afterAll(async () => {
    await cluster?.close();
    await upstream?.close();
    await store?.close();
  });

  describe('50 parallel calls of three processes on an expired upstream token', () => {
    it(
      'make exactly one refresh at the upstream, and each is answered as its user',
      async () => {
        for (let round = 0; round < rounds(2, 0.2); round += 1) {
          const [user] = users as [User];
          moved += tokenSeconds + 1;
          await cluster.moveClock(moved);
          const before = refreshes();
          const served = [...cluster.front.served.values()].reduce((sum, count) => sum + count, 0);
          // Nobody is answered before all have asked.
          const isAsked = async () =>
            [...cluster.front.served.values()].reduce((sum, count) => sum + count, 0) >= served + 50;
          upstream.faults.tokenGate = () => until(isAsked, 15_000);
          const answers = await parallel(50, () => call(user));
          upstream.faults.tokenGate = undefined;
          expect(tally(answers.map(({ status }) => String(status)))).toEqual({ '200': 50 });
          expect(tally(answers.map((answer) => whoAmI(answer).extra?.sub ?? 'nobody'))).toEqual({
            'alice-at-files': 50,
          });
          expect(refreshes() - before).toBe(1);
        }
        record('upstream refresh x 50', store.name, `${rounds(2, 0.2)} rounds: 1 refresh each, 50 answers, 0 failures`);
      },
      limitMs,
    );
  });

  describe('a process that is killed after the upstream rotated its refresh token and before the new one was stored', () => {
    it(
      'costs that user a new connection, asked for by a link, and nobody else anything',
      async () => {
        const [alice, bob] = users as [User, User];
        moved += tokenSeconds + 1;
        await cluster.moveClock(moved);
        cluster.front.steer(0);
        upstream.faults.tokenAnswerGate = async () => {
          upstream.faults.tokenAnswerGate = undefined;
          await cluster.kill(0);
        };
        await expect(call(alice)).rejects.toThrow(/socket hang up|ECONNRESET/);
        cluster.front.steer(undefined);
        await cluster.start(0);
        // The dead process's lease ends.
        moved += 60;
        await cluster.moveClock(moved);
        expect(whoAmI(await call(bob)).extra?.sub).toBe('bob-at-files');
        const asked = await call(alice);
        expect([asked.status, asked.json?.result]).toEqual([200, expect.objectContaining({ isError: true })]);
        expect(cluster.events.filter(({ type }) => type === 'server.error')).toEqual([]);
        await connect(alice.browser, linkIn(asked.text), 'alice-at-files');
        expect(whoAmI(await call(alice)).extra?.sub).toBe('alice-at-files');
        record('upstream rotation lost in a crash', store.name, 'one user is asked to connect again; others go on');
      },
      limitMs,
    );
  });
}
