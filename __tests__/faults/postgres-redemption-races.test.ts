import { describe } from '@jest/globals';
import { redemptionRaces } from './redemption-races.ts';
import { postgresStore } from './stores.ts';

describe('three processes on PostgreSQL', () => redemptionRaces(postgresStore));
