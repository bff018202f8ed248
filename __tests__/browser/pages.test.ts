import { expect, it } from '@jest/globals';
import { renderSamples } from '../helpers/page-samples.ts';
import { axeProblems, meetPerson, overflows, smallTargets, useChromium } from './support.ts';

const { browser } = useChromium();
const address = 'https://mcp.example.com/';

// Colours are the same in every language: German adds long words, Arabic the other direction.
it.each([
  ['en', ['light', 'dark']],
  ['ar', ['light']],
  ['de', ['light']],
] as const)(
  'every page in %s: no axe violation in %j, targets of 44 px, no overflow at 320 px or doubled text, no complaint',
  async (language, schemes) => {
    const person = await meetPerson(browser());
    const found: unknown[] = [];
    let shown = { body: '', headers: {} };
    await person.context.route(address, (route) => route.fulfill(shown));
    for (const { picture, ...document } of renderSamples(language)) {
      shown = document;
      const { page } = person;
      await page.setViewportSize({ width: 900, height: 700 });
      await page.goto(address);
      const problems = [...(await axeProblems(page, schemes)), ...(await smallTargets(page))];
      await page.setViewportSize({ width: 320, height: 700 });
      if (await overflows(page)) problems.push('overflows at 320 px');
      // Text of twice the size, as browsers do it that zoom text alone (WCAG 2.2 section 1.4.4).
      await page.setViewportSize({ width: 640, height: 700 });
      await page.evaluate("document.documentElement.style.fontSize = '200%'");
      if (await overflows(page)) problems.push('overflows with doubled text');
      if ((await page.getByRole('heading', { level: 1 }).count()) !== 1) problems.push('not one heading');
      if (problems.length > 0) found.push([picture, problems]);
    }
    expect(found).toEqual([]);
    expect(person.complaints).toEqual([]);
    await person.leave();
  },
);

it('a page with a brand is as readable, whatever the colour', async () => {
  const person = await meetPerson(browser());
  const found: string[] = [];
  for (const accent of ['#ffee00', '#101010']) {
    const brand = {
      name: 'Acme',
      accent,
      supportUrl: 'https://acme.example/help',
      logo: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>',
    };
    const [document] = renderSamples('en', { brand });
    await person.context.unrouteAll();
    await person.context.route(address, (route) => route.fulfill({ ...document }));
    await person.page.goto(address);
    found.push(...(await axeProblems(person.page)), ...(await smallTargets(person.page)));
  }
  expect(found).toEqual([]);
  expect(person.complaints).toEqual([]);
  await person.leave();
});
