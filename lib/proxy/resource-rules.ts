import { matchesGlob } from '../shared/glob.ts';

/** Rules about resources that apply to one caller: globs of URIs and URI templates. */
export interface ResourcePatterns {
  readonly uris: readonly string[];
  readonly templates: readonly string[];
}

const expression = /\{[^{}]*\}/g;

/** A template in which every expression stands for any text. */
function widen(template: string): string {
  return template.replace(expression, '*');
}

/** Whether expressions of a template are plain `{name}`, which never expand to a delimiter (RFC 6570 section 3.2.2). */
function isPlain(template: string): boolean {
  const expressions = template.match(expression) ?? [];
  return (
    !template.replace(expression, '').includes('*') && expressions.every((text) => /^\{[A-Za-z0-9_.%,]+\}$/.test(text))
  );
}

/** Whether a URI can be an expansion of a template. */
function expandsTo(template: string, uri: string): boolean {
  const wide = widen(template);
  if (!isPlain(template)) return matchesGlob(wide, uri);
  // Parts between delimiters one by one, so that `files://{name}` does not stand for `files://a/b`.
  const parts = wide.split(/([/?#])/);
  const given = uri.split(/([/?#])/);
  return parts.length === given.length && parts.every((part, index) => matchesGlob(part, given[index] ?? ''));
}

function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** A URI as it came, and as a parser normalises it: dot segments, case of the scheme, white space. */
function spellings(uri: string): string[] {
  const href = URL.parse(uri)?.href;
  return href === undefined || href === uri ? [uri] : [uri, href];
}

/** Everything a server may take a URI for, percent-decoding included. */
function readings(uri: string): string[] {
  const all = new Set(spellings(uri));
  for (let text = uri, round = 0; round < 3; round += 1) {
    text = decoded(text);
    for (const spelling of spellings(text)) all.add(spelling);
  }
  return [...all];
}

/** Host names have no case (RFC 3986 section 6.2.2.1), and parsers know that of a few schemes only. */
function withLowerHost(uri: string): string {
  return uri.replace(/^[^:/?#]*:\/\/[^/?#]*/, (start) => start.toLowerCase());
}

/** Without what a server may leave out when it looks a resource up: a fragment is none of its name, nor is a file's query. */
function bare(uri: string): string {
  return uri.replace(/^file:/i.test(uri) ? /[?#].*$/s : /#.*$/s, '');
}

/** Whether any reading of a URI is named: nothing that is denied may come under another spelling. */
export function names({ uris, templates }: ResourcePatterns, uri: string): boolean {
  const wide = [...uris, ...templates.map(widen)];
  const patterns = new Set([...wide, ...wide.map(withLowerHost)]);
  const all = new Set(readings(uri).flatMap((reading) => [reading, bare(reading)]));
  for (const reading of [...all]) all.add(withLowerHost(reading));
  return [...all].some((reading) => [...patterns].some((pattern) => matchesGlob(pattern, reading)));
}

/** Whether every reading of a URI is covered: nothing may come under the cover of another one. */
export function covers({ uris, templates }: ResourcePatterns, uri: string): boolean {
  // A literal entry stands for its normalised form, too.
  const literal = uris.filter((pattern) => !pattern.includes('*'));
  const patterns = [...uris, ...literal.flatMap(spellings)];
  const isNamed = (reading: string) => patterns.some((pattern) => matchesGlob(pattern, reading));
  // What a variable's value may be when it is decoded is the server's own business.
  const expands = spellings(uri).every((spelling) => templates.some((template) => expandsTo(template, spelling)));
  return expands || readings(uri).every(isNamed);
}

/** Whether a template itself is named. */
export function namesTemplate({ uris, templates }: ResourcePatterns, template: string): boolean {
  return [...uris, ...templates].some((pattern) => matchesGlob(pattern, template));
}
