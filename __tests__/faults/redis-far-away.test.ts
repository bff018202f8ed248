import { describe } from '@jest/globals';
import { farAway } from './far-away.ts';
import { redisStore } from './stores.ts';

describe('three processes on a far Redis', () => farAway(redisStore));
