import { describe } from '@jest/globals';
import { refreshRaces } from './refresh-races.ts';
import { postgresStore } from './stores.ts';

describe('three processes on PostgreSQL', () => refreshRaces(postgresStore));
