// `npm run screenshots`: a picture of each page, light and dark, into docs/images/. Needs Chromium.
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../__tests__/helpers/chromium.ts';
import { renderSamples } from '../__tests__/helpers/page-samples.ts';

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url));
const address = 'https://mcp.example.com/';

const brand = { name: 'Acme', accent: '#7a1fa2', supportUrl: 'https://acme.example/help' };
/** Each series of pictures: its suffix, language, width in CSS pixels, and of which pages. */
const series = [
  { suffix: '', language: 'en', width: 620, options: {}, only: undefined },
  { suffix: '-ar-320', language: 'ar', width: 320, options: {}, only: 'consent' },
  { suffix: '-de-brand', language: 'de', width: 620, options: { brand }, only: 'consent' },
];

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const browser = await launchChromium();
for (const { suffix, language, width, options, only } of series) {
  for (const { picture, body, headers } of renderSamples(language, options)) {
    if (only !== undefined && picture !== only) continue;
    for (const colorScheme of ['light', 'dark'] as const) {
      const isWide = body.includes('<body class="wide">');
      const viewport = { width: isWide ? width + 180 : width, height: 200 };
      const page = await browser.newPage({ colorScheme, viewport });
      await page.route(address, (route) => route.fulfill({ body, headers }));
      await page.goto(address);
      await page.screenshot({ path: `${folder}${picture}${suffix}-${colorScheme}.png`, fullPage: true });
      await page.close();
    }
    console.log(`docs/images/${picture}${suffix}-{light,dark}.png`);
  }
}
await browser.close();
