import { describe } from '@jest/globals';
import { restarts } from './restarts.ts';
import { redisStore } from './stores.ts';

describe('three processes on Redis', () => restarts(redisStore));
