import { describe } from '@jest/globals';
import { outages } from './outages.ts';
import { redisStore } from './stores.ts';

describe('three processes on Redis', () => outages(redisStore));
