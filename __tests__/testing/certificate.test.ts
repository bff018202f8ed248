import { X509Certificate } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createOutbound } from '../../lib/shared/outbound.ts';
import { createTestCertificate } from '../../lib/testing/certificate.ts';
import { createListeners } from '../helpers/listeners.ts';

const listeners = createListeners();
afterAll(() => listeners.close());

/** More than 127 bytes of names: lengths then take more than one byte. */
const names = ['login.example.com', ...Array.from({ length: 12 }, (_, index) => `tenant-${index}.example.com`)];

describe('a certificate of the tests', () => {
  it('is for its names, of its own authority, and valid now (RFC 5280 section 4)', () => {
    const now = Date.now();
    const { cert, key } = createTestCertificate(names, now);
    const parsed = new X509Certificate(cert);

    expect(names.map((name) => parsed.checkHost(name))).toEqual(names);
    expect(parsed.checkHost('other.example.com')).toBeUndefined();
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(key).toContain('PRIVATE KEY');
    expect(Date.parse(parsed.validFrom)).toBeLessThan(now);
    expect(Date.parse(parsed.validTo)).toBeGreaterThan(now);
  });

  it('is trusted by whom is given it, for its names only', async () => {
    const certificate = createTestCertificate(names, Date.now());
    const { port } = await listeners.https(certificate);
    const lookup = (
      _: string,
      __: unknown,
      callback: (error: null, found: { address: string; family: number }[]) => void,
    ) => callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const limits = { timeoutMs: 5000, maxResponseBytes: 100, purpose: 'test' };
    const trusting = createOutbound({ lookup, ca: certificate.cert, loopbackAddress: '127.0.0.1' });
    const strange = createOutbound({ lookup, loopbackAddress: '127.0.0.1' });

    const answer = await trusting.fetch(`https://login.example.com:${port}/`, limits);
    expect(await answer.text()).toBe('ok');
    await expect(trusting.fetch(`https://other.example.com:${port}/`, limits)).rejects.toThrow('tls_failed');
    await expect(strange.fetch(`https://login.example.com:${port}/`, limits)).rejects.toThrow('tls_failed');
  });
});
