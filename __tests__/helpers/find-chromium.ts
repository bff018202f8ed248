import { existsSync } from 'node:fs';

const places = [
  process.env.TEST_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
];

/** The Chromium of this machine, or undefined. `TEST_CHROMIUM` names one elsewhere. */
export function findChromium(): string | undefined {
  return places.find((place) => place !== undefined && existsSync(place));
}
