/** A gateway of which a test sees, for one piece of work, every event it emitted and every write to its store. */
import { memoryStorage, type RecordWrite, type Storage } from '../../lib/index.ts';
import { type Gateway, type GatewaySettings, startGateway } from './gateway.ts';

const writing = ['put', 'create', 'consume', 'take', 'replace', 'delete', 'deleteByGrant', 'increment'] as const;

export interface Observed<T> {
  readonly answer: T;
  /** `type: reason` of each event, in order; the type alone for events without a reason. Not those of every sound request. */
  readonly events: string[];
  /** `method kind` of each write, in order; of those in one step `create kind + kind`, or `use kind + kind`. */
  readonly writes: string[];
}

export interface ObservedGateway extends Gateway {
  /** The store behind it: replace a method to break it. */
  readonly storage: Storage;
  /** All records of a kind that were ever written, as JSON. */
  written(kind: string): string;
  /** Runs one piece of work. Not for work that runs beside other work. */
  observe<T>(work: () => Promise<T>): Promise<Observed<T>>;
}

/** As strict as the port allows a store to be: PostgreSQL holds neither U+0000 nor lone surrogates. */
function requireStorable(parameters: unknown): void {
  const escapes = JSON.stringify(parameters).match(/\\\\|\\u0000|\\ud[89a-f][0-9a-f]{2}/g) ?? [];
  if (escapes.some((text) => text !== '\\\\')) throw new Error('text cannot be stored');
}

/** Keys and provider are made already, so that a refused request writes nothing at all. */
export async function startObservedGateway(settings: GatewaySettings = {}): Promise<ObservedGateway> {
  const storage = memoryStorage();
  const writes: string[] = [];
  const values: { kind: unknown; json: string }[] = [];
  for (const method of writing) {
    const original = storage[method] as (...parameters: unknown[]) => Promise<unknown>;
    const recorded = (...parameters: unknown[]) => {
      writes.push(`${method} ${method === 'deleteByGrant' || method === 'increment' ? '' : parameters[0]}`.trim());
      requireStorable(parameters);
      values.push({ kind: parameters[0], json: JSON.stringify(parameters) });
      return original(...parameters);
    };
    Object.assign(storage, { [method]: recorded });
  }
  const { commit } = storage;
  storage.commit = async (deciding, others) => {
    const all: readonly RecordWrite[] = [deciding, ...others];
    writes.push(`${deciding.how} ${all.map(({ kind }) => kind).join(' + ')}`);
    requireStorable(all);
    for (const write of all) values.push({ kind: write.kind, json: JSON.stringify(write) });
    return commit?.(deciding, others) ?? false;
  };
  const gateway = await startGateway({
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp', { scopes: ['mcp:tools'] }), (_req, res) => res.json({ ok: true })),
    ...settings,
    options: (issuer) => ({ storage, ...settings.options?.(issuer) }),
  });
  await gateway.auth.ready();
  return {
    ...gateway,
    storage,
    written: (kind) =>
      values
        .filter((value) => value.kind === kind)
        .map((value) => value.json)
        .join('\n'),
    async observe(work) {
      const [event, write] = [gateway.events.length, writes.length];
      const answer = await work();
      const events = gateway.events
        .slice(event)
        .filter(({ type }) => type !== 'authorization.started' && type !== 'resource.admitted')
        .map(({ type, reason }) => (reason === undefined ? type : `${type}: ${reason}`));
      return { answer, events, writes: writes.slice(write) };
    },
  };
}
