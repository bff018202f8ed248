import { describe, it } from '@jest/globals';
import { expectEveryStep } from './run-check.ts';

describe('examples/python-upstream', () => {
  it('holds every step of its story', () => expectEveryStep(['python-upstream']), 200_000);
});
