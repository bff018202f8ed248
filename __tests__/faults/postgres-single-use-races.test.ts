import { describe } from '@jest/globals';
import { singleUseRaces } from './single-use-races.ts';
import { postgresStore } from './stores.ts';

describe('three processes on PostgreSQL', () => singleUseRaces(postgresStore));
