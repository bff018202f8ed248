import { describe } from '@jest/globals';
import { refreshRaces } from './refresh-races.ts';
import { redisStore } from './stores.ts';

describe('three processes on Redis', () => refreshRaces(redisStore));
