import { describe, expect, test } from '@jest/globals';
import { createKeyRing, equalTexts } from '../../lib/shared/key-ring.ts';

const first = 'the first secret of these tests, long enough';
const second = 'the second secret of these tests, long enough';

/** The parts of a sealed text: version, key id, and nonce, ciphertext and tag as bytes. */
function partsOf(sealed: string): { version: string; keyId: string; bytes: Buffer } {
  const [version = '', keyId = '', text = ''] = sealed.split('.');
  return { version, keyId, bytes: Buffer.from(text, 'base64url') };
}

function withBitFlipped(sealed: string, index: number): string {
  const { version, keyId, bytes } = partsOf(sealed);
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  return `${version}.${keyId}.${bytes.toString('base64url')}`;
}

describe('sealed text', () => {
  const ring = createKeyRing([first]);

  test.each(['', 'a', 'ünïcödé 🔑', 'x'.repeat(100_000)])('opens again for the same record (%#)', (plaintext) => {
    expect(ring.open('record', ring.seal('record', plaintext))).toBe(plaintext);
  });

  test('does not show the text, and differs each time (NIST SP 800-38D section 8)', () => {
    const texts = Array.from({ length: 50 }, () => ring.seal('record', 'upstream token'));
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) expect(partsOf(text).bytes.includes('upstream token')).toBe(false);
  });

  test('does not open for another record, so that records cannot be swapped in the store', () => {
    expect(ring.open('other', ring.seal('record', 'text'))).toBeUndefined();
    expect(ring.open('', ring.seal('record', 'text'))).toBeUndefined();
  });

  test('does not open with one bit changed, in whichever byte of nonce, ciphertext or tag', () => {
    const sealed = ring.seal('record', 'sixteen bytes ok');
    const { bytes } = partsOf(sealed);
    expect(bytes.length).toBe(12 + 16 + 16);
    const opened = [...bytes.keys()].map((index) => ring.open('record', withBitFlipped(sealed, index)));
    expect(opened).toEqual(opened.map(() => undefined));
  });

  test.each([
    ['another version', (text: string) => text.replace(/^1/, '2')],
    ['an unknown key id', (text: string) => text.replace(/^1\.[^.]+/, '1.AAAAAAAA')],
    ['no key id', (text: string) => text.replace(/^1\.[^.]+/, '1.')],
    ['its end cut off', (text: string) => text.slice(0, -4)],
    ['nothing but a tag', (text: string) => `${text.split('.').slice(0, 2).join('.')}.${'A'.repeat(22)}`],
    ['a fourth part', (text: string) => `${text}.AAAA`],
    ['characters that are not base64url', (text: string) => `${text}!!`],
    ['padding', (text: string) => `${text}=`],
    ['a line feed', (text: string) => `${text}\n`],
    ['no part at all', () => ''],
    ['only dots', () => '..'],
  ])('does not open with %s', (_what, alter) => {
    const sealed = ring.seal('record', 'some text');
    expect(ring.open('record', alter(sealed))).toBeUndefined();
    expect(ring.open('record', sealed)).toBe('some text');
  });
});

describe('rotation of the secret', () => {
  const before = createKeyRing([first]);
  const after = createKeyRing([second, first]);
  const forgotten = createKeyRing([second]);

  test('opens and verifies what the previous secret sealed and signed, and seals with the new one', () => {
    expect(after.open('record', before.seal('record', 'old'))).toBe('old');
    expect(after.verify('purpose', 'text', before.sign('purpose', 'text'))).toBe(true);
    expect(before.open('record', after.seal('record', 'new'))).toBeUndefined();
    expect(forgotten.open('record', after.seal('record', 'new'))).toBe('new');
    expect(forgotten.verify('purpose', 'text', after.sign('purpose', 'text'))).toBe(true);
  });

  test('opens and verifies nothing of a secret that was taken off the list', () => {
    expect(forgotten.open('record', before.seal('record', 'old'))).toBeUndefined();
    expect(forgotten.verify('purpose', 'text', before.sign('purpose', 'text'))).toBe(false);
  });

  test('signs cookies under the newest key and knows those of the previous one, to sign them anew', () => {
    expect(after.cookies.sign('name=value')).toBe(forgotten.cookies.sign('name=value'));
    expect(after.cookies.index('name=value', after.cookies.sign('name=value'))).toBe(0);
    expect(after.cookies.index('name=value', before.cookies.sign('name=value'))).toBe(1);
    expect(forgotten.cookies.index('name=value', before.cookies.sign('name=value'))).toBe(-1);
  });
});

describe('a signature', () => {
  const ring = createKeyRing([first]);

  test('is valid for its purpose and text alone', () => {
    const signature = ring.sign('csrf', 'text');
    expect(ring.verify('csrf', 'text', signature)).toBe(true);
    expect(ring.verify('state', 'text', signature)).toBe(false);
    expect(ring.verify('csrf', 'texT', signature)).toBe(false);
    expect(ring.verify('csrf', 'text', `${signature}A`)).toBe(false);
    expect(ring.verify('csrf', 'text', signature.slice(0, -1))).toBe(false);
    expect(ring.verify('csrf', 'text', '')).toBe(false);
  });

  test('is the same in every process with the same secret', () => {
    expect(createKeyRing([first]).sign('csrf', 'text')).toBe(ring.sign('csrf', 'text'));
  });
});

test('the keys of one secret are separate: no output shows the secret or another key (RFC 5869 section 3.2)', () => {
  const ring = createKeyRing([first]);
  expect(ring.cookies.sign('purpose\ntext')).not.toBe(ring.sign('purpose', 'text'));
  expect(ring.derive('purpose').toString('base64url')).not.toBe(ring.cookies.sign('derive\npurpose'));
  expect(ring.seal('record', first)).not.toContain(first);
});

test('texts compare as equal only where they are, whatever their lengths', () => {
  expect(equalTexts('abc', 'abc')).toBe(true);
  expect(equalTexts('', '')).toBe(true);
  expect(equalTexts('abc', 'abd')).toBe(false);
  expect(equalTexts('abc', 'abcd')).toBe(false);
  expect(equalTexts('', 'a')).toBe(false);
});
