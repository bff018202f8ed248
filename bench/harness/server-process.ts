import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cores, pinned } from './cores.ts';
import type { Answers, Question, ServerMessage } from './protocol.ts';

/** A file of `bench/variants` with its settings. */
export interface ServerSpec {
  readonly variant: string;
  readonly settings?: object;
  /** Whether it runs on the servers' core alone. @defaultValue true */
  readonly isPinned?: boolean;
}

/** A running server process. */
export interface BenchServer {
  readonly url: string;
  ask<Name extends Question>(question: Name): Promise<Answers[Name]>;
  stop(): Promise<void>;
}

/** Long enough to fill a store with a million grants. */
const startLimitMs = 300_000;

/** Starts a variant in a process of its own. */
export async function startServer({ variant, settings = {}, isPinned = true }: ServerSpec): Promise<BenchServer> {
  const file = fileURLToPath(new URL(`../variants/${variant}.ts`, import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', file, JSON.stringify(settings)];
  const [command, all] = pinned(isPinned ? cores?.servers : cores?.all, process.execPath, args);
  const child = spawn(command, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, (answer: Answers[Question]) => void>();
  let asked = 0;

  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${variant} was not ready in time`)), startLimitMs);
    child.once('exit', (code) => reject(new Error(`${variant} ended with code ${code}`)));
    child.on('message', (message: ServerMessage) => {
      if ('ready' in message) {
        clearTimeout(timer);
        resolve(message.ready.url);
      } else {
        waiting.get(message.id)?.(message.answer);
        waiting.delete(message.id);
      }
    });
  });

  return {
    url,
    ask(question) {
      asked += 1;
      const id = asked;
      return new Promise((resolve, reject) => {
        waiting.set(id, resolve as (answer: Answers[Question]) => void);
        // A process that has crashed cannot be asked.
        child.send({ id, question }, (error) => error && reject(error));
      });
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
