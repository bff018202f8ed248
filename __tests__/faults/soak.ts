/**
 * Mixed load on one process over time: people register clients, sign in at an identity provider, redeem, refresh, call, hold
 * event streams open and revoke; a tenth of what arrives is garbage. Meanwhile it is measured what the process holds.
 */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { createBrowser } from '../helpers/browser.ts';
import { startIdentityProvider } from '../helpers/identity-provider.ts';
import { callbackOf, createOAuthClient, type OAuthClient, postForm, postJson, send } from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';
import { startCluster } from './cluster.ts';
import type { Usage } from './gateway-worker.ts';
import { tokensOf } from './person.ts';
import { sqliteStore } from './sqlite-store.ts';
import { type OpenStream, openStream, startStreamUpstream } from './stream-upstream.ts';

export interface SoakSettings {
  readonly seconds: number;
  /** Actions a second; each is one to eight requests. */
  readonly perSecond: number;
  readonly sampleSeconds: number;
  /** Every so many samples garbage is collected first. @defaultValue 6 */
  readonly collectEvery?: number;
  readonly onSample?: (sample: SoakSample) => void;
}

/** What the process under load held at one moment. */
export interface SoakSample {
  readonly atSeconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly handles: number;
  /** 99th percentile since the sample before, milliseconds. */
  readonly delayP99Ms: number;
  /** Part of one core since the sample before. */
  readonly cpu: number;
  /** Garbage was collected just before: the heap is what is in use, and memory what is needed for it. */
  readonly isCollected: boolean;
  /** Rows of all tables of the store. */
  readonly rows: number;
  readonly streams: number;
  readonly requests: number;
}

export interface SoakResult {
  readonly samples: readonly SoakSample[];
  /** How often each kind of action was done. */
  readonly actions: Readonly<Record<string, number>>;
  /** How many answers had each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What failed that had to succeed, each once. */
  readonly failures: readonly string[];
  readonly serverErrors: number;
}

/** Whoever has tokens. */
interface Session {
  readonly client: OAuthClient;
  accessToken: string;
  refreshToken: string;
  isBusy: boolean;
}

const maxSessions = 150;
const maxStreams = 25;
const streamSeconds = 20;
/** Actions at once: on a machine that is too slow for the rate, the next ones wait, as people do. */
const maxRunning = 20;
/** Longest wait for a page, far above what a busy machine takes. */
const patience = { timeoutMs: 60_000 };

/** Short lives, so that what ends within a run is also seen to leave. */
const lives = {
  gateway: { accessTokenTtlSeconds: 60, refreshTokenTtlSeconds: 300, tokenCacheSeconds: 5, refreshGraceSeconds: 30 },
  stateTtlSeconds: 60,
  sessionTtlSeconds: 120,
};

/** A seed gives the same actions in the same order (Lehmer). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Linear regression: the rise per minute of a value over the samples. */
export function slopePerMinute(samples: readonly SoakSample[], read: (sample: SoakSample) => number): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = samples.map(({ atSeconds }) => atSeconds / 60);
  const [x, y] = [mean(minutes), mean(samples.map(read))];
  const over = samples.reduce((sum, sample, at) => sum + ((minutes[at] ?? 0) - x) * (read(sample) - y), 0);
  const under = minutes.reduce((sum, minute) => sum + (minute - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

export async function soak(settings: SoakSettings): Promise<SoakResult> {
  const closings: (() => Promise<unknown>)[] = [];
  try {
    return await run(settings, closings);
  } finally {
    for (const close of closings.toReversed()) await close();
  }
}

async function run(settings: SoakSettings, closings: (() => Promise<unknown>)[]): Promise<SoakResult> {
  const { seconds, perSecond, sampleSeconds, collectEvery = 6, onSample } = settings;
  const people = Array.from({ length: 50 }, (_, at) => `person-${at}`);
  const idp = await startIdentityProvider({ users: Object.fromEntries(people.map((name) => [name, {}])) });
  closings.push(idp.close);
  const upstream = await startStreamUpstream();
  closings.push(upstream.close);
  const store = await sqliteStore();
  closings.push(store.remove);
  const { stateTtlSeconds, sessionTtlSeconds, gateway } = lives;
  const { issuer, clientId, clientSecret } = idp;
  const cluster = await startCluster({
    store: store.address,
    size: 1,
    options: {
      oidc: { issuer },
      browserLogin: { clientId, clientSecret, stateTtlSeconds, sessionTtlSeconds },
      gateway,
      routes: [{ path: '/stream', target: upstream.url }],
    },
  });
  closings.push(cluster.close);
  const { url } = cluster;
  idp.redirectUris.push(`${url}/oauth/callback`);
  const resource = `${url}/stream`;

  const random = createRandom(20_260_730);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
  const sessions: Session[] = [];
  const streams = new Set<OpenStream>();
  const actions: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  const failures = new Set<string>();
  let requests = 0;

  function counted<T extends { readonly status: number }>(answer: T): T {
    requests += 1;
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    return answer;
  }

  function expectStatus(what: string, answer: { readonly status: number }, ...allowed: number[]): void {
    if (!allowed.includes(counted(answer).status)) failures.add(`${what}: ${answer.status}`);
  }

  async function signIn(): Promise<void> {
    const client = await createOAuthClient(url, {}, resource);
    const browser = createBrowser({ stopAt: (target) => target.startsWith(client.redirectUri), now: () => Date.now() });
    const approval = counted(await browser.get(client.authorizeUrl(), patience));
    const page = counted(await browser.submit(approval, 'csrf', { decision: 'approve' }, patience));
    const { code } = callbackOf(
      counted(await browser.submit(page, 'login', { login: pick(people) as string }, patience)),
    );
    const { accessToken, refreshToken } = tokensOf(counted(await client.redeem(String(code))));
    if (sessions.length >= maxSessions) sessions.shift();
    sessions.push({ client, accessToken, refreshToken, isBusy: false });
  }

  async function refresh(session: Session): Promise<void> {
    const answer = counted(await session.client.refresh(session.refreshToken));
    if (answer.status !== 200) {
      failures.add(`refresh: ${answer.status} ${answer.text.slice(0, 100)}`);
      sessions.splice(sessions.indexOf(session), 1);
      return;
    }
    Object.assign(session, tokensOf(answer));
  }

  async function call(session: Session): Promise<void> {
    const body = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const ask = () => postJson(random() < 0.5 ? resource : `${url}/mcp`, body, bearer(session.accessToken));
    const answer = await postJson(resource, body, bearer(session.accessToken));
    if (counted(answer).status !== 401) return expectStatus('call', answer, 200);
    await refresh(session); // It has expired.
    expectStatus('call after a refresh', await ask(), 200, 401);
  }

  async function stream(session: Session): Promise<void> {
    if (streams.size >= maxStreams) return;
    await refresh(session);
    const opened = await openStream(resource, session.accessToken);
    counted({ status: 200 });
    streams.add(opened);
    pause(streamSeconds * 1000 * random(), undefined, { ref: false }).then(
      () => {
        streams.delete(opened);
        opened.abort();
      },
      () => undefined,
    );
  }

  async function revoke(session: Session): Promise<void> {
    sessions.splice(sessions.indexOf(session), 1);
    expectStatus('revoke', await session.client.revoke(session.refreshToken), 200);
    expectStatus('refresh of a revoked token', await session.client.refresh(session.refreshToken), 400);
  }

  const noise = () =>
    random()
      .toString(36)
      .repeat(1 + Math.floor(random() * 20));
  const garbage: (() => Promise<{ readonly status: number }>)[] = [
    () => postForm(`${url}/oauth/token`, { grant_type: 'refresh_token', refresh_token: noise(), client_id: noise() }),
    () => postForm(`${url}/oauth/token`, { grant_type: noise(), [noise()]: noise() }),
    () => send(`${url}/oauth/register`, { headers: { 'content-type': 'application/json' }, body: `{"a":[${noise()}` }),
    () => postJson(`${url}/oauth/register`, { redirect_uris: [`javascript:${noise()}`] }),
    () => send(`${url}/oauth/authorize?client_id=${noise()}&${noise()}=%00&scope=${noise()}`),
    () => postJson(resource, { jsonrpc: '2.0', id: 1, method: 'ping' }, bearer(noise())),
    () => send(`${url}/oauth/callback?state=${noise()}&code=${noise()}`),
    () => send(`${url}/.well-known/oauth-protected-resource/${noise()}`),
    () => send(`${url}/oauth/${noise()}`, { method: 'DELETE' }),
  ];

  async function act(): Promise<void> {
    const free = sessions.filter(({ isBusy }) => !isBusy);
    const session = pick(free);
    const dice = random();
    if (dice < 0.1) {
      actions.garbage = (actions.garbage ?? 0) + 1;
      const { status } = counted(await (pick(garbage) as (typeof garbage)[0])());
      if (status >= 500) failures.add(`garbage: ${status}`);
      return;
    }
    const [name, work] =
      !session || dice < 0.15
        ? (['sign-in', signIn] as const)
        : dice < 0.35
          ? (['refresh', refresh] as const)
          : dice < 0.4
            ? (['stream', stream] as const)
            : dice < 0.43
              ? (['revoke', revoke] as const)
              : (['call', call] as const);
    actions[name] = (actions[name] ?? 0) + 1;
    if (session) session.isBusy = true;
    await work(session as Session).finally(() => {
      if (session) session.isBusy = false;
    });
  }

  const tables = ['records', 'record_index', 'grant_tombstones', 'counters'];
  function rows(): number {
    const database = new DatabaseSync(store.address.url, { readOnly: true, timeout: 5000 });
    const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
    const sum = tables.reduce((total, table) => total + count(table), 0);
    database.close();
    return sum;
  }

  const samples: SoakSample[] = [];
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  let before: Usage = { rssBytes: 0, heapBytes: 0, handles: 0, delayP99Ms: 0, cpuMs: 0 };
  let beforeAt = 0;

  async function sample(): Promise<void> {
    const isCollected = (samples.length + 1) % collectEvery === 0;
    const usage = await cluster.usage(0, isCollected);
    const atSeconds = elapsed();
    const taken = {
      atSeconds: Math.round(atSeconds),
      rssMiB: Math.round((usage.rssBytes / 2 ** 20) * 10) / 10,
      heapMiB: Math.round((usage.heapBytes / 2 ** 20) * 10) / 10,
      handles: usage.handles,
      delayP99Ms: Math.round(usage.delayP99Ms * 10) / 10,
      cpu: Math.round(((usage.cpuMs - before.cpuMs) / ((atSeconds - beforeAt) * 1000)) * 100) / 100,
      isCollected,
      rows: rows(),
      streams: streams.size,
      requests,
    };
    [before, beforeAt] = [usage, atSeconds];
    samples.push(taken);
    onSample?.(taken);
  }

  await signIn(); // Opens the store.
  before = await cluster.usage(0);
  beforeAt = elapsed();
  const running = new Set<Promise<void>>();
  let nextSample = sampleSeconds;
  for (let number = 0; elapsed() < seconds; number += 1) {
    const action = act()
      .catch((error: Error) => void failures.add(error.message.slice(0, 200)))
      .finally(() => running.delete(action));
    running.add(action);
    if (running.size >= maxRunning) await Promise.race(running);
    if (elapsed() >= nextSample) {
      nextSample += sampleSeconds;
      await sample();
    }
    await pause(Math.max(0, ((number + 1) / perSecond - elapsed()) * 1000));
  }
  await Promise.all(running);
  for (const stream of streams) stream.abort();
  await sample();
  const serverErrors = cluster.events.filter(({ type }) => type === 'server.error').length;
  return { samples, actions, statuses, failures: [...failures], serverErrors };
}
