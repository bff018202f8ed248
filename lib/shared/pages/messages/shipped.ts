import type { PageMessages } from '../messages.ts';
import { ar } from './ar.ts';
import { de } from './de.ts';
import { en } from './en.ts';

/** The catalogues that come with the library, by language. English is the last resort. */
export const shippedMessages: Readonly<Record<string, PageMessages>> & { readonly en: PageMessages } = { en, de, ar };
