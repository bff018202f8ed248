/** A header as it came: name in its original spelling, and value. */
export type Header = readonly [name: string, value: string];

/** Node's flat `rawHeaders` as pairs. */
export function fromRawHeaders(raw: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    headers.push([raw[index] as string, raw[index + 1] as string]);
  return headers;
}

/** Pairs as Node's flat `rawHeaders`. */
export function toRawHeaders(headers: readonly Header[]): string[] {
  return headers.flat();
}

/** Whether a header name is this one. @param lower in lower case */
export function isNamed(name: string | undefined, lower: string): boolean {
  return name !== undefined && name.length === lower.length && name.toLowerCase() === lower;
}

/** Every value of a name, in order. */
export function valuesOf(headers: readonly Header[], name: string): string[] {
  return headers.filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value);
}
