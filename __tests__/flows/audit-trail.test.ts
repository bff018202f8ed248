import { beforeAll, describe, expect, it } from '@jest/globals';
import type { McpOAuthEventType } from '../../lib/index.ts';
import { type FullRun, runFully } from '../helpers/full-run.ts';

/** Decisions of a full run, with what each must tell besides type, time and outcome. */
const decisions: { readonly [Type in McpOAuthEventType]?: readonly string[] } = {
  'client.registered': ['clientId', 'redirectHosts'],
  'client.refused': ['reason'],
  'cimd.refused': ['host', 'reason'],
  'authorization.refused': ['reason'],
  'consent.granted': ['clientId', 'flowId', 'resource', 'subject'],
  'consent.denied': ['clientId', 'flowId', 'resource'],
  'login.started': ['clientId', 'flowId', 'resource'],
  'login.succeeded': ['clientId', 'flowId', 'identityIssuer', 'resource', 'sub', 'subject'],
  'login.failed': ['flowId', 'reason'],
  'user.refused': ['clientId', 'flowId', 'reason', 'resource', 'subject'],
  'token.issued': ['clientId', 'flowId', 'grantType', 'resource', 'subject'],
  'token.refused': ['reason'],
  'token.replayed': ['clientId', 'flowId', 'resource', 'subject'],
  'token.reuse_detected': ['clientId', 'flowId', 'reason', 'resource', 'subject'],
  'token.revoked': ['clientId', 'grants'],
  'resource.refused': ['reason', 'status'],
  'call.allowed': ['clientId', 'flowId', 'method', 'resource', 'subject'],
  'call.refused': ['clientId', 'flowId', 'method', 'reason', 'resource', 'subject'],
  'capabilities.filtered': ['clientId', 'flowId', 'hidden', 'kind', 'resource', 'subject'],
  'proxy.failed': ['clientId', 'flowId', 'reason', 'resource', 'status', 'subject'],
  'upstream.connect_required': ['clientId', 'flowId', 'resource', 'subject', 'upstream'],
  'upstream.connected': ['subject', 'upstream'],
  'upstream.unavailable': ['clientId', 'flowId', 'reason', 'resource', 'subject', 'upstream'],
  'upstream.connection_ended': ['reason', 'subject', 'upstream'],
  'upstream.disconnected': ['subject', 'upstream'],
  'session.ended': ['grants', 'reason', 'sessions', 'subject'],
};

let run: FullRun;
const eventsOf = (type: string) => run.events.filter((event) => event.type === type);

beforeAll(async () => {
  run = await runFully();
});

describe('the audit trail of a full run', () => {
  it.each(Object.keys(decisions) as McpOAuthEventType[])('has %s, each time with all that it must tell', (type) => {
    const found = eventsOf(type);
    expect(found.length).toBeGreaterThan(0);
    const wanted = ['at', 'outcome', ...(decisions[type] ?? [])];
    const missing = found.flatMap((event) =>
      wanted.filter((name) => !Object.hasOwn(event, name)).map((name) => `${name} in ${JSON.stringify(event)}`),
    );
    expect(missing).toEqual([]);
  });

  it('tells an account at the end of a flow that was signed in in it, at the resource that was asked for', () => {
    for (const issued of eventsOf('token.issued')) {
      const login = run.events.find(({ type, flowId }) => type === 'login.succeeded' && flowId === issued.flowId);
      const consent = run.events.find(({ type, flowId }) => type === 'consent.granted' && flowId === issued.flowId);
      expect([consent?.subject, consent?.resource]).toEqual([issued.subject, issued.resource]);
      if (login) expect([login.subject, login.clientId]).toEqual([issued.subject, issued.clientId]);
    }
  });

  it('tells whose token was refused for a scope, and for another resource', () => {
    const told = eventsOf('resource.refused').filter(({ reason }) => /scope|another resource/.test(reason ?? ''));
    expect(told.map(({ reason, subject }) => [reason, typeof subject])).toEqual(
      expect.arrayContaining([
        ['audience is another resource', 'string'],
        ['missing scope files:delete', 'string'],
      ]),
    );
  });
});
