import type { ServerResponse } from 'node:http';

/** Answers under way at one route, so that a process can end without cutting them off. */
export interface Draining {
  /** Whether new requests are refused. */
  isClosing(): boolean;
  /** An answer is under way, until its response closes. */
  enter(res: ServerResponse): void;
  /** A stream that has no end of its own, and how it is ended so that its client sees a whole answer. */
  hold(res: ServerResponse, end: () => void): void;
  /** Ends streams, waits for the other answers, and cuts off what takes longer. */
  close(graceMs: number): Promise<void>;
}

export function createDraining(): Draining {
  const active = new Set<ServerResponse>();
  const held = new Map<ServerResponse, () => void>();
  let isClosing = false;
  let whenEmpty: (() => void) | undefined;

  return {
    isClosing: () => isClosing,

    enter(res) {
      if (res.destroyed) return; // The client left while its token was checked: no other event comes.
      active.add(res);
      res.once('close', () => {
        active.delete(res);
        held.delete(res);
        if (active.size === 0) whenEmpty?.();
      });
    },

    hold(res, end) {
      if (isClosing) end();
      else if (active.has(res)) held.set(res, end);
    },

    async close(graceMs) {
      isClosing = true;
      for (const end of held.values()) end();
      if (active.size === 0) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        whenEmpty = resolve;
        timer = setTimeout(resolve, graceMs);
      });
      clearTimeout(timer);
      for (const res of active) res.destroy(); // A stream that breaks must not look complete.
    },
  };
}
