import { describe } from '@jest/globals';
import { restarts } from './restarts.ts';
import { postgresStore } from './stores.ts';

describe('three processes on PostgreSQL', () => restarts(postgresStore));
