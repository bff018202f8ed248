/** Writes the generated parts of docs/doctor.md and docs/errors.md anew: `npm run doctor-docs`. */
import { writeFileSync } from 'node:fs';
import { documents } from '../__tests__/cli/doctor/documentation.ts';

for (const { path, present, wanted } of documents()) {
  if (present === wanted) continue;
  writeFileSync(new URL(`../${path}`, import.meta.url), wanted);
  console.log(`${path} is written anew`);
}
