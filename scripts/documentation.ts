// `node scripts/documentation.ts`: writes the pages of docs/ that are made from the types.
import { writeFileSync } from 'node:fs';
import { root } from './documentation/declarations.ts';
import { generatedPages } from './documentation/pages.ts';

for (const [path, render] of Object.entries(generatedPages)) {
  writeFileSync(`${root}${path}`, render());
  console.log(`wrote ${path}`);
}
