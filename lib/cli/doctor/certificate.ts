import { isIP, type LookupFunction } from 'node:net';
import tls from 'node:tls';
import { ProbeError } from './probe.ts';

/** The certificate of a server, whether or not it can be trusted. */
export interface Certificate {
  /** Why it is not trusted, such as `CERT_HAS_EXPIRED`. */
  readonly refusal: string | undefined;
  /** UNIX milliseconds. */
  readonly validToMs: number;
}

const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it signs itself, and nobody knows it',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not a public one',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not a public one, or an intermediate certificate is missing',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'an intermediate certificate is missing',
};

/** @returns undefined where clients trust it */
export function certificateProblem({ refusal }: Certificate): string | undefined {
  if (refusal === undefined) return undefined;
  return `the certificate is not trusted: ${words[refusal] ?? 'the check failed'} (${refusal})`;
}

/** How the server is reached. */
export interface CertificateOptions {
  readonly ca: string | undefined;
  readonly lookup: LookupFunction | undefined;
  readonly timeoutMs: number;
}

/**
 * Reads the certificate of an https URL. Nothing is sent on the connection, so it need not be trusted.
 * @throws ProbeError where nobody speaks TLS there
 */
export function readCertificate(url: URL, { ca, lookup, timeoutMs }: CertificateOptions): Promise<Certificate> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port: Number(url.port || 443),
      rejectUnauthorized: false,
      timeout: timeoutMs,
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== undefined && { ca }),
      ...(lookup && { lookup }),
    });
    const fail = (cause: unknown) => {
      socket.destroy();
      reject(new ProbeError('unreachable', url.href, cause));
    };
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error('timed out')));
    socket.once('secureConnect', () => {
      const { valid_to: validTo } = socket.getPeerCertificate();
      const error = socket.authorizationError as unknown;
      const code = (error as { code?: string } | null)?.code ?? (typeof error === 'string' ? error : 'unknown');
      resolve({ refusal: socket.authorized ? undefined : code, validToMs: Date.parse(validTo) });
      socket.destroy();
    });
  });
}
