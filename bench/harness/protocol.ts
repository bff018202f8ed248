/** What the bench asks a server process over IPC, and what it answers. */
import type { Counts } from './call-counter.ts';

export interface Answers {
  usage: { readonly cpuMicros: number; readonly rssBytes: number };
  /** Storage calls since the last question. */
  counts: Counts;
  startProfile: null;
  /** A CPU profile as the inspector gives it, serialised. */
  stopProfile: string;
}

export type Question = keyof Answers;

export interface QuestionMessage {
  readonly id: number;
  readonly question: Question;
}

export type ServerMessage =
  | { readonly ready: { readonly url: string } }
  | { readonly id: number; readonly answer: Answers[Question] };
