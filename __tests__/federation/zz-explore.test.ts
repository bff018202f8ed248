import { it, jest } from '@jest/globals';
import { startFederation, keptRecords } from './support.ts';
import { callbackOf, send } from '../helpers/oauth-client.ts';
const show = (p: any) => ({ status: p.status, url: p.url, location: p.location, text: p.text.slice(0, 300), redirects: p.redirects?.map((r: any) => r.status + ' ' + r.url) });
const log = (...a: any[]) => process.stdout.write(a.map((x) => typeof x === 'string' ? x : JSON.stringify(x, null, 1)).join(' ') + '\n');
it('x', async () => {
  const f = await startFederation({ options: () => ({ browserLogin: { remoteTimeoutMs: 300 } }) });
  try {
    const forget = (b: any) => b.setCookie(f.idp.issuer, 'idp_session=; Path=/; Max-Age=0');
    // two tabs, two people
    const b = f.browser();
    const c1 = await b.get(f.client.authorizeUrl({ state: 'one' }));
    const c2 = await b.get(f.client.authorizeUrl({ state: 'two' }));
    const s1 = await b.submit(c1, 'csrf', { decision: 'approve' });
    const s2 = await b.submit(c2, 'csrf', { decision: 'approve' });
    const d1 = await b.submit(s1, 'login', { login: 'alice' });
    log('d1', callbackOf(d1));
    forget(b);
    const d2 = await f.gateway.observe(() => b.submit(s2, 'login', { login: 'bob' }));
    log('d2', show(d2.answer), d2.events, d2.writes);
    // prompt=login switch
    const b2 = f.browser();
    log(await f.login(b2, 'alice'));
    forget(b2);
    const p = await f.approve(b2, { prompt: 'login' });
    const q = await f.gateway.observe(() => b2.submit(p, 'login', { login: 'bob' }));
    log('switch', show(q.answer), q.events, q.writes);
    if (callbackOf(q.answer).code) log(await f.userOf(callbackOf(q.answer).code));
    const consent = await b2.get(f.client.authorizeUrl());
    log(consent.text);
    // tab 1 prompt=login (session alice), tab 2 prompt=login bob
    const b6 = f.browser();
    await f.login(b6, 'alice');
    forget(b6);
    const p1 = await f.approve(b6, { prompt: 'login', state: '1' });
    const p2 = await f.approve(b6, { prompt: 'login', state: '2' });
    const r2 = await b6.submit(p2, 'login', { login: 'bob' });
    log('r2', callbackOf(r2));
    forget(b6);
    const r1 = await f.gateway.observe(() => b6.submit(p1, 'login', { login: 'alice' }));
    log('r1', show(r1.answer), r1.events);
    // same, same person
    const b7 = f.browser();
    await f.login(b7, 'alice');
    forget(b7);
    const x1 = await f.approve(b7, { prompt: 'login', state: '1' });
    const x2 = await f.approve(b7, { prompt: 'login', state: '2' });
    log('same', callbackOf(await b7.submit(x2, 'login', { login: 'alice' })));
    forget(b7);
    const y1 = await f.gateway.observe(() => b7.submit(x1, 'login', { login: 'alice' }));
    log('same1', show(y1.answer), y1.events);
  } finally { await f.close(); }
  // identity lifetime
  const g = await startFederation({ options: () => ({ browserLogin: { stateTtlSeconds: 60 }, gateway: { refreshTokenTtlSeconds: 60, accessTokenTtlSeconds: 60 } }) });
  jest.useFakeTimers({ doNotFake: ['nextTick','setImmediate','clearImmediate','setInterval','clearInterval','setTimeout','clearTimeout','hrtime','performance','queueMicrotask','requestAnimationFrame','cancelAnimationFrame','requestIdleCallback','cancelIdleCallback'] as any });
  try {
    const b = g.browser();
    await g.login(b);
    jest.setSystemTime(Date.now() + 1000_000);
    const page = await b.get(g.client.authorizeUrl());
    log(page.text);
    const a = await b.submit(page, 'csrf', { decision: 'approve' });
    log(show(a));
    if (callbackOf(a).code) log(await g.client.redeem(callbackOf(a).code!));
  } finally { jest.useRealTimers(); await g.close(); }
});
