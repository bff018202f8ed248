/** One call that went through a counter. */
export interface CountedCall {
  readonly label: string;
  /** One more than the deepest call that had ended when it began: calls of one depth went together. */
  readonly depth: number;
}

export type Layer = 'storage' | 'engine';

/** Calls of the storage interface, and commands or statements that were sent to the engine, in order. */
export type Counts = Readonly<Record<Layer, readonly CountedCall[]>>;

export interface CallCounter {
  /** Runs and counts one call. */
  call<T>(layer: Layer, label: string, work: () => Promise<T>): Promise<T>;
  /** The object with every method counted; the label is the method with what the call is about. */
  counted<Target extends object>(layer: Layer, target: Target, prefix?: string): Target;
  /** What was called since the last `take`. */
  take(): Counts;
}

/** Round trips in sequence: the calls that had to wait for one another. */
export function roundTrips(calls: readonly CountedCall[]): number {
  return calls.reduce((deepest, { depth }) => Math.max(deepest, depth), 0);
}

/** What a call is about: its first argument, where that is text, or the kinds of the records that it names. */
function subjectOf([first, others]: readonly unknown[]): string {
  if (typeof first === 'string') return first;
  const named = [first, others].flat().map((record) => (record as { kind?: unknown } | undefined)?.kind);
  return named.filter((kind) => typeof kind === 'string').join('/');
}

/** Counts the calls of one operation at a time. */
export function createCallCounter(): CallCounter {
  let calls: Record<Layer, CountedCall[]> = { storage: [], engine: [] };
  let ended: Record<Layer, number> = { storage: 0, engine: 0 };

  async function call<T>(layer: Layer, label: string, work: () => Promise<T>): Promise<T> {
    const depth = ended[layer] + 1;
    calls[layer].push({ label, depth });
    try {
      return await work();
    } finally {
      ended[layer] = Math.max(ended[layer], depth);
    }
  }

  return {
    call,
    counted(layer, target, prefix) {
      return new Proxy(target, {
        get(object, name) {
          const member: unknown = Reflect.get(object, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) => {
            const kind = prefix ?? subjectOf(args);
            const work = () => Reflect.apply(member, object, args) as Promise<unknown>;
            return call(layer, [String(name), kind].filter(Boolean).join(' '), work);
          };
        },
      });
    },
    take() {
      const taken = calls;
      calls = { storage: [], engine: [] };
      ended = { storage: 0, engine: 0 };
      return taken;
    },
  };
}
