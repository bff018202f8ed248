import { describe } from '@jest/globals';
import { singleUseRaces } from './single-use-races.ts';
import { redisStore } from './stores.ts';

describe('three processes on Redis', () => singleUseRaces(redisStore));
