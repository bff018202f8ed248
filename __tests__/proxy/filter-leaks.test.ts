import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CapabilityKind, capabilityKinds, visibleCapabilities } from '../../lib/proxy/capabilities.ts';
import { createEventStreamFilter } from '../../lib/proxy/event-stream-filter.ts';
import { createMessageFilter } from '../../lib/proxy/message-filter.ts';
import { holds } from '../helpers/properties.ts';

const visible = visibleCapabilities(
  Object.fromEntries(capabilityKinds.map((kind) => [kind, { deny: ['*hidden*'] }])),
  [],
);
const filter = createMessageFilter(visible, () => undefined);

const members: { readonly [Kind in CapabilityKind]: string } = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
};

const name = fc.constantFrom('shown', 'hidden', 'x-hidden-x', 'docs://shown', 'docs://hidden', 'é');
const uri = fc.oneof(name, fc.constantFrom('docs://hid%64en', 'DOCS://x/../hidden'));
const items = (kind: CapabilityKind) =>
  fc.array(
    fc.oneof(
      fc.record({
        [members[kind]]: kind === 'resources' ? uri : name,
        description: fc.constantFrom('a "quoted"\n text', '\u2028'),
      }),
      fc.constantFrom({ title: 'hidden' }, 'hidden', null, ['hidden'], { [members[kind]]: ['hidden'] }),
    ),
    { maxLength: 4 },
  );
const list = fc.constantFrom(...capabilityKinds).chain((kind) => items(kind).map((found) => ({ [kind]: found })));
const message = fc.oneof(
  list.map((result) => ({ jsonrpc: '2.0', id: 1, result })),
  fc
    .tuple(list, list)
    .map(([one, other]) => ({ jsonrpc: '2.0', id: 'x', result: { ...one, ...other, nextCursor: 'n' } })),
  uri.map((updated) => ({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: updated } })),
  fc.constant({ jsonrpc: '2.0', id: 2, result: { content: [] } }),
);
const body = fc.oneof(message, fc.array(message, { maxLength: 3 }));

const spellings = [
  (text: string) => text,
  (text: string) => text.replaceAll('/', '\\/'),
  (text: string) => text.replaceAll('tools', '\\u0074ools').replaceAll('uri', 'u\\u0072i'),
];

/** Whether a name that is hidden is in a text, however it is escaped. */
const tells = (text: string) => /hid/.test(JSON.stringify(JSON.parse(text)));

test('no list tells what is hidden, whatever is in it and however it is spelled', async () => {
  await holds(
    fc.property(body, fc.constantFrom(...spellings), (value, spell) => {
      const text = spell(JSON.stringify(value));
      const filtered = filter(text);
      if (filtered.kind === 'same') expect(tells(text)).toBe(false);
      if (filtered.kind === 'changed') expect(tells(filtered.text)).toBe(false);
      expect(filtered.kind).not.toBe('unreadable');
    }),
    1000,
  );
});

test('nor does an event stream, however it is framed and cut', async () => {
  const framing = fc.record({
    end: fc.constantFrom('\n', '\r\n', '\r'),
    isSplit: fc.boolean(),
    mark: fc.constantFrom('', '\ufeff'),
    other: fc.constantFrom('', 'id: 1', ': comment', 'event: message', 'retry: 5'),
    last: fc.constantFrom('', '\n', '\n\n'),
  });
  await holds(
    fc.asyncProperty(
      fc.array(body, { maxLength: 4 }),
      framing,
      fc.integer({ min: 1, max: 40 }),
      async (values, how, size) => {
        const events = values.map((value) => {
          const lines = JSON.stringify(value, null, how.isSplit ? 1 : 0).split('\n');
          return (
            [...(how.other ? [how.other] : []), ...lines.map((line) => `data: ${line}`), ''].join(how.end) + how.end
          );
        });
        const bytes = Buffer.from(how.mark + events.join('').trimEnd() + how.last);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        const output = (
          await buffer(Readable.from(chunks).pipe(createEventStreamFilter(filter, 1_000_000)))
        ).toString();
        expect(output).not.toMatch(/hid/);
      },
    ),
    300,
  );
});
