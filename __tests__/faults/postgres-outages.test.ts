import { describe } from '@jest/globals';
import { outages } from './outages.ts';
import { postgresStore } from './stores.ts';

describe('three processes on PostgreSQL', () => outages(postgresStore));
