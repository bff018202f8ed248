import { certificateProblem } from '../certificate.ts';
import type { Check } from '../check.ts';
import type { Connection } from '../connection.ts';

/** Whether clients trust the certificate. */
export const tlsCertificate: Check<Connection> = {
  id: 'tls-certificate',
  severity: 'error',
  looksAt: 'The certificate is for this host name, valid now, and leads to an authority that clients know.',
  hurts:
    'Every client, with a message about the network: Claude and ChatGPT say only that the server cannot be reached.',
  mend: 'Install a certificate for this name with its whole chain. For an authority of your own, start doctor with --ca.',
  run: async (connection) => {
    const certificate = await connection.certificate();
    if (!certificate) return { skipped: 'the URL is not https' };
    const problem = certificateProblem(certificate);
    return problem === undefined ? [] : [problem];
  },
};
