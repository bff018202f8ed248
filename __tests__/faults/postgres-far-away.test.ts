import { describe } from '@jest/globals';
import { farAway } from './far-away.ts';
import { postgresStore } from './stores.ts';

describe('three processes on a far PostgreSQL', () => farAway(postgresStore));
