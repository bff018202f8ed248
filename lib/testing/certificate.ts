/**
 * A certificate for real host names on loopback: self-signed, ECDSA on P-256, one subject alternative name each (RFC 5280,
 * encoded in DER as ITU-T X.690 says). Node can read certificates but makes none.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface TestCertificate {
  /** PEM. Also what a client has to trust. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

const dayMs = 86_400_000;

/** @param names DNS names @param now milliseconds; it is valid from a day before to 30 days after */
export function createTestCertificate(names: readonly string[], now: number): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectIdentifier.ecdsaWithSha256);
  // A name of its own: of two trusted certificates with one name, only the first would be tried.
  const commonName = `test identity provider ${randomBytes(8).toString('hex')}`;
  const name = sequence(set(sequence(objectIdentifier.commonName, utf8String(commonName))));
  const alternativeNames = sequence(...names.map((dns) => element(0x82, Buffer.from(dns, 'ascii'))));
  const certificate = sequence(
    element(0xa0, integer(Buffer.of(2))), // Version 3.
    integer(Buffer.concat([Buffer.of(0x01), randomBytes(15)])),
    algorithm,
    name,
    sequence(utcTime(now - dayMs), utcTime(now + 30 * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(sequence(objectIdentifier.subjectAltName, element(0x04, alternativeNames)))),
  );
  const signature = element(0x03, Buffer.of(0), sign('sha256', certificate, privateKey));
  const body = sequence(certificate, algorithm, signature).toString('base64');
  const lines = body.match(/.{1,64}/g) ?? [];
  return {
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Tag, length, contents. Lengths from 128 on name the number of their own bytes first. */
function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, Math.floor(length / 0x100), length % 0x100];
  return Buffer.concat([Buffer.from(header), content]);
}

const sequence = (...contents: readonly Uint8Array[]) => element(0x30, ...contents);
const set = (...contents: readonly Uint8Array[]) => element(0x31, ...contents);
const integer = (bytes: Uint8Array) => element(0x02, bytes);
const utf8String = (text: string) => element(0x0c, Buffer.from(text));

/** `YYMMDDHHMMSSZ`. */
function utcTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\D/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

const objectIdentifier = {
  /** 1.2.840.10045.4.3.2 */
  ecdsaWithSha256: element(0x06, Buffer.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)),
  /** 2.5.4.3 */
  commonName: element(0x06, Buffer.of(0x55, 0x04, 0x03)),
  /** 2.5.29.17 */
  subjectAltName: element(0x06, Buffer.of(0x55, 0x1d, 0x11)),
};
