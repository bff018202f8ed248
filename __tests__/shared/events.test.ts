import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createEvents, type Logger, type McpOAuthEvent, type McpOAuthEventType } from '../../lib/shared/events.ts';

const warning = { type: 'configuration.warning', code: 'MCP_OAUTH_TEST', reason: 'mind this' } as const;

function recordingLogger(): { logger: Logger; lines: [level: string, message: string, details: object | undefined][] } {
  const lines: [string, string, object | undefined][] = [];
  const at = (level: string) => (message: string, details?: object) => void lines.push([level, message, details]);
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines };
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a listener', () => {
  test('of one type gets that type alone, with the time of the clock given', () => {
    const events = createEvents(undefined, () => 1_700_000_000_000);
    const seen: McpOAuthEvent[] = [];
    events.on('token.issued', (event) => void seen.push(event));
    events.emit({ type: 'token.issued', grantType: 'refresh_token', clientId: 'c' });
    events.emit({ type: 'token.refused', reason: 'expired' });
    expect(seen).toEqual([
      { type: 'token.issued', grantType: 'refresh_token', clientId: 'c', outcome: 'allowed', at: 1_700_000_000_000 },
    ]);
  });

  test("of '*' gets every type, in order, until it is taken off", () => {
    const events = createEvents(undefined);
    const types: McpOAuthEventType[] = [];
    const listener = ({ type }: McpOAuthEvent) => void types.push(type);
    events.on('*', listener);
    events.emit({ type: 'login.started' });
    events.emit({ type: 'consent.denied' });
    events.off('*', listener);
    events.emit({ type: 'login.started' });
    expect(types).toEqual(['login.started', 'consent.denied']);
  });

  test('that throws disturbs neither the emitter nor the other listeners', () => {
    const events = createEvents(undefined);
    const seen: string[] = [];
    events.on('login.started', () => {
      throw new Error('broken');
    });
    events.on('login.started', () => void seen.push('second'));
    events.on('*', () => void seen.push('all'));
    events.emit({ type: 'login.started' });
    expect(seen).toEqual(['second', 'all']);
  });

  test('that rejects does not end the process with an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const record = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', record);
    try {
      const events = createEvents({ ...recordingLogger().logger, debug: async () => Promise.reject(new Error('log')) });
      events.on('login.started', async () => Promise.reject(new Error('listener')));
      events.emit({ type: 'login.started' });
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', record);
    }
    expect(unhandled).toEqual([]);
  });

  test('may be one of many without a warning of Node', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const events = createEvents(undefined);
    for (let count = 0; count < 50; count += 1) events.on('*', () => undefined);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('sees the members of the type it asked for, and of others only after narrowing', () => {
    const events = createEvents(undefined);
    const members: string[] = [];
    events.on('login.succeeded', (event) => void members.push(event.subject, event.identityIssuer));
    events.on('*', (event) => {
      // @ts-expect-error Before narrowing no type's own member is known.
      members.push(typeof event.grantType);
      if (event.type === 'token.issued') members.push(event.grantType);
      if (event.type === 'resource.refused') members.push(String(event.status satisfies number));
    });
    // @ts-expect-error A type that does not exist cannot be listened to.
    events.on('login.suceeded', () => undefined);
    // @ts-expect-error A member that the type requires is missing.
    const incomplete: Parameters<typeof events.emit>[0] = { type: 'token.issued' };
    events.emit({ type: 'login.succeeded', subject: 's', identityIssuer: 'i', sub: 'u' });
    expect(members).toEqual(['s', 'i', 'undefined']);
    expect(incomplete.type).toBe('token.issued');
  });
});

describe('a logger', () => {
  test('gets each event at the level of its type, with its members and without its time', () => {
    const { logger, lines } = recordingLogger();
    const events = createEvents(logger);
    events.emit({ type: 'cimd.fetched', host: 'client.example' });
    events.emit({ type: 'token.issued', grantType: 'authorization_code', clientId: 'c' });
    events.emit({ type: 'token.reuse_detected', reason: 'r' });
    events.emit({ type: 'storage.unavailable', reason: 'r' });
    expect(lines).toEqual([
      ['debug', 'cimd.fetched', { host: 'client.example', outcome: 'noted' }],
      ['info', 'token.issued', { grantType: 'authorization_code', clientId: 'c', outcome: 'allowed' }],
      ['warn', 'token.reuse_detected', { reason: 'r', outcome: 'refused' }],
      ['error', 'storage.unavailable', { reason: 'r', outcome: 'failed' }],
    ]);
  });

  test('that throws does not disturb the emitter, and listeners still get the event', () => {
    const events = createEvents({
      ...recordingLogger().logger,
      info: () => {
        throw new Error('disk full');
      },
    });
    const seen: string[] = [];
    events.on('*', ({ type }) => void seen.push(type));
    events.emit({ type: 'token.issued', grantType: 'g' });
    events.emit({ type: 'token.issued', grantType: 'g' });
    expect(seen).toEqual(['token.issued', 'token.issued']);
  });
});

describe('a configuration warning', () => {
  test('is a process warning with its code where nobody listens and no logger is given', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    createEvents(undefined).emit(warning);
    expect(emitWarning.mock.calls).toEqual([['mind this', { type: 'McpOAuthWarning', code: 'MCP_OAUTH_TEST' }]]);
  });

  test.each(['*', 'configuration.warning'] as const)('is no process warning with a listener of %s', (type) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const events = createEvents(undefined);
    const seen: string[] = [];
    events.on(type, (event) => void seen.push(event.type));
    events.emit(warning);
    expect(seen).toEqual(['configuration.warning']);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('is no process warning with a logger, and still is one with a listener of other types', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { logger, lines } = recordingLogger();
    createEvents(logger).emit(warning);
    expect(lines).toEqual([
      ['warn', 'configuration.warning', { code: 'MCP_OAUTH_TEST', reason: 'mind this', outcome: 'noted' }],
    ]);
    expect(emitWarning).not.toHaveBeenCalled();
    const events = createEvents(undefined);
    events.on('login.started', () => undefined);
    events.emit(warning);
    expect(emitWarning).toHaveBeenCalledTimes(1);
  });

  test('is the only event that becomes a process warning', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    createEvents(undefined).emit({ type: 'server.error', reason: 'r' });
    expect(emitWarning).not.toHaveBeenCalled();
  });
});
