import { expect, test } from '@jest/globals';
import { toSource } from '../../../lib/cli/import-zuplo/source-text.ts';

/** What a program reads from the text. */
function read(value: unknown): unknown {
  const env = new Proxy({}, { get: (_, name) => `<${String(name)}>` });
  return new Function('required', 'process', `return (${toSource({ nested: { value } })});`)(
    (_name: string, text: string) => text,
    { env },
  ).nested.value;
}

test.each([
  [`quotes ' " \\' \` and \${code}`, `quotes ' " \\' \` and \${code}`],
  ['line\nline\r\u2028', 'line\nline\r\u2028'],
  [`a \`$env(A)\nline\r$env(B)\\\${x}$`, `a \`<A>\nline\r<B>\\\${x}$`],
  ['$env(1A)', '<1A>'],
  ['x$env(1A)', 'x<1A>'],
])('text of a file is text in the source, whatever it holds: %j', (given, expected) => {
  expect(read(given)).toBe(expected);
});

test('names of a file are names in the source', () => {
  expect(read({ '...spread': 'text', "it's */": 1 })).toEqual({ '...spread': 'text', "it's */": 1 });
});
