import { renderEvents } from './events.ts';
import { renderOptions } from './options.ts';

/** Every page of docs/ that is made from the types, with what makes it. */
export const generatedPages: Readonly<Record<string, () => string>> = {
  'docs/events.md': renderEvents,
  'docs/options.md': renderOptions,
};
