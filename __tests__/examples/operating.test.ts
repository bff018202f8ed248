import { describe, it } from '@jest/globals';
import { expectEveryStep } from './run-check.ts';

describe('the self-checks of examples for operators', () => {
  it('hold every step: telemetry, deployment', () => expectEveryStep(['telemetry', 'deployment']), 200_000);
});
