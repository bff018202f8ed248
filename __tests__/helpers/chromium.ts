import { type Browser, chromium } from 'playwright-core';
import { findChromium } from './find-chromium.ts';

/** A real, headless Chromium that talks to loopback only. @param sites ports here that stand for https sites elsewhere */
export function launchChromium(sites: Readonly<Record<string, number>> = {}): Promise<Browser> {
  const mapped = Object.entries(sites).map(([host, port]) => `MAP ${host}:443 127.0.0.1:${port}, `);
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium: apt-get install chromium, or set TEST_CHROMIUM');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=${mapped.join('')}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]`,
    ],
  });
}
