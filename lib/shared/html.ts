/** HTML text that is safe to send: made only by {@link html} and {@link trusted}. */
export interface Html {
  readonly markup: string;
}

type Fragment = Html | string | number | undefined | false | readonly Fragment[];

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

function render(fragment: Fragment): string {
  if (fragment === undefined || fragment === false) return '';
  if (typeof fragment === 'string') return escapeText(fragment);
  if (typeof fragment === 'number') return String(fragment);
  if ('markup' in fragment) return fragment.markup;
  return fragment.map(render).join('');
}

/** Template tag: every value is escaped unless it is {@link Html} itself. Attributes must stand in quotes. */
export function html(strings: TemplateStringsArray, ...values: readonly Fragment[]): Html {
  return { markup: strings.reduce((text, part, index) => text + render(values[index - 1]) + part) };
}

/** Marks constant text of ours, such as a style sheet, as safe. Never for text from a peer. */
export function trusted(markup: string): Html {
  return { markup };
}
