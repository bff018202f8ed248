import { describe } from '@jest/globals';
import { redemptionRaces } from './redemption-races.ts';
import { redisStore } from './stores.ts';

describe('three processes on Redis', () => redemptionRaces(redisStore));
