import type { PartialPageMessages } from './messages.ts';
import type { PageBrand, PageFunctions } from './models.ts';

/**
 * The pages that people see: brand and words as data, and each page by a function that gives a whole document.
 * @example { brand: { name: 'Acme', accent: '#7a1fa2' }, messages: { en: { scopes: { 'files:read': 'Read your files' } } } }
 */
export interface PagesOptions extends Partial<PageFunctions> {
  readonly brand?: PageBrand;
  /**
   * Texts by language tag: parts of a shipped language (`en`, `de`, `ar`), or a language of your own, in which texts that
   * are missing are English.
   */
  readonly messages?: Readonly<Record<string, PartialPageMessages>>;
}
